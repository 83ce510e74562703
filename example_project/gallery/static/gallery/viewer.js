// The dialog that shows one photo large, or plays. URLs are asked for when it opens: signed ones run
// out.

import { clock } from "./card.js";

const SHOWN_FIRST = ["large", "medium", "small", "thumb"];
const FORMATS = { "audio/mp4": "m4a", "audio/mpeg": "mp3" }; // where the type's name is no help
const SHOWN_FIRST_MOVING = ["medium", "large", "small", "thumb"]; // AVIF output stands still

export class Viewer {
  // `neighbours` gives the cards that can be opened, in their order on the page.
  constructor(server, neighbours) {
    this.server = server;
    this.neighbours = neighbours;
    this.dialog = document.getElementById("viewer");
    this.#on("close", "click", () => this.dialog.close());
    this.#on("previous", "click", () => this.#step(-1));
    this.#on("next", "click", () => this.#step(1));
    this.dialog.addEventListener("keydown", (event) => {
      if (event.target instanceof HTMLMediaElement) return; // there they go back and forth in it
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target.classList.contains("viewer__stage")) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => this.#closed());
  }

  async show(card) {
    this.card = card;
    this.#clear(card);
    if (!this.dialog.open) this.#begin();
    try {
      const asset = await this.server.progress(card.asset);
      if (this.card !== card) return;
      this.#tell(asset);
      if (asset.kind === "image") this.#fill(asset);
      else await this.#play(card, asset);
    } catch (refusal) {
      if (this.card === card) this.#problem(refusal.message);
    }
  }

  #begin() {
    this.dialog.showModal();
    this.#part("close").focus(); // by itself the browser takes a player, even one that is hidden
  }

  #tell(asset) {
    const size = asset.width ? `${asset.width} × ${asset.height}` : "";
    const length = asset.duration_ms ? clock(asset.duration_ms / 1000) : "";
    const facts = [size, length, format(asset).toUpperCase(), bytes(asset.byte_size)];
    this.#part("facts").textContent = facts.filter(Boolean).join(" · ");
    this.#part("sizes").replaceChildren(...Object.entries(asset.variants).map(sizeOf));
  }

  async #play(card, asset) {
    const picture = asset.variants.thumb?.url;
    const player = this.#part(asset.kind);
    if (asset.kind === "video") {
      const { width, height } = asset.variants.medium ?? asset;
      Object.assign(player, { width: width ?? asset.width, height: height ?? asset.height });
      if (picture) player.poster = picture;
    } else if (picture) {
      this.#part("image").src = picture;
    }
    player.setAttribute("aria-label", asset.filename);
    player.hidden = false;
    const playback = await this.server.playback(card.asset);
    if (this.card !== card) return;
    player.onerror = () => player.src && this.#problem("This could not be played.");
    player.src = playback.url;
    player.focus();
  }

  #fill(asset) {
    const image = this.#part("image");
    const order = asset.content_type === "image/gif" ? SHOWN_FIRST_MOVING : SHOWN_FIRST;
    const best = order.map((name) => asset.variants[name]).find((each) => each?.url);
    if (!best) return this.#problem("No size of this photo could be made.");
    image.width = best.width;
    image.height = best.height;
    image.alt = asset.filename;
    image.src = best.url;
  }

  #clear(card) {
    const image = this.#part("image");
    const others = this.neighbours();
    this.#stop();
    image.onerror = () => image.src && this.#problem("This photo could not be loaded.");
    this.#part("problem").hidden = true;
    this.#part("name").textContent = card.name;
    this.#part("facts").textContent = "Loading";
    this.#part("sizes").replaceChildren();
    this.#part("original").href = this.server.originalOf(card.asset);
    this.#part("previous").disabled = others[0] === card;
    this.#part("next").disabled = others.at(-1) === card;
  }

  #problem(text) {
    const problem = this.#part("problem");
    problem.textContent = text;
    problem.hidden = false;
  }

  #step(by) {
    const others = this.neighbours();
    const next = others[others.indexOf(this.card) + by];
    if (next) this.show(next);
  }

  #closed() {
    this.card?.open.focus();
    this.card = null;
    this.#stop();
  }

  #stop() {
    const image = this.#part("image");
    for (const attribute of ["src", "width", "height"]) image.removeAttribute(attribute);
    image.alt = "";
    for (const name of ["video", "audio"]) {
      const player = this.#part(name);
      player.hidden = true;
      for (const attribute of ["src", "poster", "width", "height"]) player.removeAttribute(attribute);
      player.load(); // lets go of what it was reading
    }
  }

  #on(part, event, listener) {
    this.#part(part).addEventListener(event, listener);
  }

  #part(name) {
    return document.getElementById(`viewer-${name}`);
  }
}

function sizeOf([name, variant]) {
  const item = document.createElement("li");
  const size = variant.width ? `${variant.width} × ${variant.height} ` : "";
  item.dataset.state = variant.state;
  item.textContent = variant.state === "ready"
    ? `${name}  ${size}${format(variant)}, ${bytes(variant.byte_size)}`
    : `${name}: ${variant.reason || variant.state}`;
  return item;
}

function format({ content_type: type }) {
  return FORMATS[type] ?? type.split("/")[1];
}

function bytes(count) {
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}
