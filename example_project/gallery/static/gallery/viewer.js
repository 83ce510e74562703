// The dialog that shows one photo large. URLs are asked for when it opens: signed ones run out.

const SHOWN_FIRST = ["large", "medium", "small", "thumb"];
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
    if (!this.dialog.open) this.dialog.showModal();
    try {
      const asset = await this.server.progress(card.asset);
      if (this.card === card) this.#fill(asset);
    } catch (refusal) {
      if (this.card === card) this.#problem(refusal.message);
    }
  }

  #fill(asset) {
    const image = this.#part("image");
    const order = asset.content_type === "image/gif" ? SHOWN_FIRST_MOVING : SHOWN_FIRST;
    const best = order.map((name) => asset.variants[name]).find((each) => each?.url);
    this.#part("facts").textContent =
      `${asset.width} × ${asset.height} · ${asset.content_type.replace("image/", "").toUpperCase()}`
      + ` · ${bytes(asset.byte_size)}`;
    this.#part("sizes").replaceChildren(...Object.entries(asset.variants).map(sizeOf));
    if (!best) return this.#problem("No size of this photo could be made.");
    image.width = best.width;
    image.height = best.height;
    image.alt = asset.filename;
    image.src = best.url;
  }

  #clear(card) {
    const image = this.#part("image");
    const others = this.neighbours();
    image.removeAttribute("src");
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
    this.#part("image").removeAttribute("src");
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
  const format = variant.content_type.replace("image/", "");
  item.dataset.state = variant.state;
  item.textContent = variant.state === "ready"
    ? `${name}  ${variant.width} × ${variant.height} ${format}, ${bytes(variant.byte_size)}`
    : `${name}: ${variant.reason || variant.state}`;
  return item;
}

function bytes(count) {
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}
