// A card: the one place that knows its markup. Told what happened, it shows it.

import { kindOf } from "./server.js";

// By the code of the refusal; the reason below it is the server's own sentence.
const HEADINGS = {
  image_truncated: "The file is incomplete",
  content_length_mismatch: "The file is incomplete",
  checksum_mismatch: "The file was damaged on its way",
  empty_file: "The file is empty",
  pixels_exceeded: "The image is too large",
  side_exceeded: "The image is too large",
  pages_exceeded: "The animation is too long",
  decoder_memory: "The image is too large",
  bytes_exceeded: "The file is too large",
  bytes_exceeded_upload: "The file is too large",
  type_unknown: "This is not a photo",
  mime_not_allowed: "Photos of this kind are not taken",
  content_type_not_allowed: "Files of this kind are not taken",
  extension_not_allowed: "Files of this kind are not taken",
  extension_mismatch: "The file is not what its name says",
  media_unreadable: "The file cannot be played",
  media_truncated: "The file is incomplete",
  nothing_to_play: "There is nothing in it to play",
  duration_exceeded: "It is too long",
  transcode_failed: "The file cannot be played",
};
const WORDS = {
  waiting: "Waiting",
  reading: "Reading",
  uploading: "Uploading",
  checking: "Checking",
  making: "Making thumbnails",
};
const PREPARING = { video: "Preparing video", audio: "Preparing sound" };

export class Card {
  static create(file) {
    const element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    element.dataset.kind = kindOf(file);
    const card = new Card(element);
    card.#title(file.name);
    card.phase("waiting");
    card.#preview(file);
    return card;
  }

  constructor(element) {
    this.element = element;
    this.open = element.querySelector(".card__open");
    this.retry = element.querySelector(".card__retry");
    this.remove = element.querySelector(".card__remove");
    this.bar = element.querySelector(".card__bar");
    const { phase, code } = element.dataset;
    if (phase === "refused") this.refuse(this.#part("reason").textContent, code);
  }

  get asset() {
    return this.element.dataset.asset;
  }

  set asset(id) {
    this.element.dataset.asset = id;
  }

  get name() {
    return this.#part("name").textContent;
  }

  get kind() {
    return this.element.dataset.kind;
  }

  get shown() {
    return this.element.dataset.phase;
  }

  phase(name, detail = "") {
    this.element.dataset.phase = name;
    this.#say("status", detail || WORDS[name]);
    this.#say("reason", "");
    this.retry.hidden = true;
    if (name === "waiting") this.bar.value = 0;
    else if (name !== "uploading") this.bar.removeAttribute("value"); // no telling how far it is
  }

  uploaded(fraction) {
    const percent = Math.round(fraction * 100);
    this.phase("uploading", percent < 100 ? `Uploading, ${percent} %` : "Uploaded");
    this.bar.value = percent;
  }

  // What the server says of the asset. Returns whether that is its last word.
  follow(asset) {
    const variants = Object.values(asset.variants);
    if (asset.variants.thumb?.url && asset.variants.thumb.state === "ready") {
      this.#thumbnail(asset.variants.thumb);
    }
    switch (asset.state) {
      case "quarantined":
      case "deleted":
        this.refuse(asset.reason || "It was deleted.", asset.reason_code);
        return true;
      case "ready":
      case "degraded":
        // Some damage shows only when the whole file is decoded: then no size of it can be made.
        if (variants.some((variant) => variant.url)) this.#finish(asset, variants);
        else this.refuse(variants[0]?.reason, variants[0]?.reason_code);
        return true;
      case "validating":
      case "analyzing":
      case "promoting":
        this.phase("checking", asset.reason ? `Trying again. ${asset.reason}` : "");
        return false;
      default:
        this.#making(asset, variants);
        return false;
    }
  }

  #making(asset, variants) {
    this.#length(asset);
    const preparing = PREPARING[this.kind];
    if (preparing) {
      this.phase("making", `${preparing}, ${asset.progress} %`);
      this.bar.value = asset.progress;
    } else {
      const made = variants.filter((variant) => variant.state === "ready").length;
      this.phase("making", `Making thumbnails, ${made} of ${variants.length}`);
    }
  }

  // A verdict on the file: trying again would not help.
  refuse(reason, code) {
    this.#end("refused", HEADINGS[code] ?? "This file cannot be used", reason);
  }

  fail(refusal) {
    this.#end("failed", HEADINGS[refusal.code] ?? "This did not upload", refusal.message);
    this.retry.hidden = !refusal.passing;
  }

  #finish(asset, variants) {
    const broken = variants.filter((variant) => variant.state === "failed").length;
    const size = asset.kind === "image" ? `${asset.width} × ${asset.height}` : "";
    this.#length(asset);
    this.phase("ready", broken ? `${broken} of ${variants.length} could not be made` : size);
    this.open.disabled = false;
    this.#dropPreview();
  }

  #end(phase, status, reason) {
    this.phase(phase, status);
    this.#say("reason", reason);
    this.open.disabled = true;
    this.#dropPreview();
  }

  #preview(file) {
    if (this.kind === "audio") return;
    const preview = document.createElement(this.kind === "video" ? "video" : "img");
    preview.className = "card__preview";
    if (this.kind === "video") Object.assign(preview, { muted: true, preload: "metadata" });
    else preview.alt = "";
    preview.addEventListener("error", () => this.#dropPreview()); // the browser cannot show it
    preview.src = URL.createObjectURL(file);
    this.open.append(preview);
  }

  #dropPreview() {
    const preview = this.open.querySelector(".card__preview");
    if (!preview) return;
    URL.revokeObjectURL(preview.src);
    preview.remove();
  }

  #length({ duration_ms: length }) {
    if (length) this.#say("length", clock(length / 1000));
  }

  #thumbnail({ url, width, height }) {
    if (this.open.querySelector(".card__thumb")) return;
    const image = document.createElement("img");
    Object.assign(image, { className: "card__thumb", alt: "", width, height, decoding: "async" });
    image.addEventListener("load", () => this.#dropPreview());
    image.src = url;
    this.open.append(image);
  }

  #title(name) {
    this.#say("name", name);
    this.#part("name").title = name;
    this.open.setAttribute("aria-label", `Open ${name}`);
    this.remove.setAttribute("aria-label", `Remove ${name}`);
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
  }

  #say(part, text) {
    this.#part(part).textContent = text;
  }

  #part(name) {
    return this.element.querySelector(`.card__${name}`);
  }
}

export function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
