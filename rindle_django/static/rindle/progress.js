// Follows assets until they are at rest: by the server's events, or by asking where those cannot be
// had. All that a page follows shares one stream, since browsers open but six connections to a host.
//
//   import { follow } from "/static/rindle/progress.js";
//   await follow("/rindle/assets/<id>/", { onProgress: (asset) => { bar.value = asset.progress; } });

const AT_MOST = 100; // assets of one stream; the others wait until some of these are done
const BREATH = 50; // within which more may be asked for, before a stream is opened
const SILENCE = 10_000; // after which a stream that has said nothing is given up
const CHANCES = 2; // that a stream gets
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5_000;
const ADDRESS = /^(.*\/|)assets\/([0-9a-f-]{36})\/(?:events\/)?$/i;

const lines = new Map(); // by the address that rindle_django.urls is mounted at

// `what` is the address of an asset's progress or events, or an id (then `base` is the address that
// the URLs are mounted at), or a list of them. Resolves to the asset at rest, or to null if it was
// refused: absent, or not yours. Of a list, to a list. Rejects if `signal` aborts.
//
// `onProgress(asset)` hears of every change, at once of how things are; `onRefused(id, error)`, with
// `code` and `message`, that there is nothing to follow.
export function follow(what, options = {}) {
  if (Array.isArray(what)) return Promise.all(what.map((each) => follow(each, options)));
  const { base, id } = located(what, options.base);
  if (!lines.has(base)) lines.set(base, new Line(base));
  return lines.get(base).follow(id, options);
}

function located(what, base) {
  const [, mounted, id] = ADDRESS.exec(what) ?? [];
  if (id) return { base: mounted, id: id.toLowerCase() };
  if (!base) throw new TypeError(`follow() needs an address, or the option base: ${what}`);
  return { base: base.endsWith("/") ? base : `${base}/`, id: what.toLowerCase() };
}

class Line {
  #listeners = new Map(); // sets, by the asset's id
  #source = null;
  #timer = null;
  #pause = FIRST_PAUSE;
  #chances = typeof EventSource === "function" ? CHANCES : 0;
  #asking = false;

  constructor(base) {
    this.base = base;
  }

  follow(id, { onProgress, onRefused, signal }) {
    return new Promise((resolve, reject) => {
      const end = (settle, value) => {
        signal?.removeEventListener("abort", aborted);
        this.#leave(id, listener);
        settle(value);
      };
      const aborted = () => end(reject, signal.reason);
      const said = (callback, ...values) => {
        try {
          callback?.(...values);
        } catch (error) {
          end(reject, error);
        }
      };
      const listener = {
        progress: (asset) => {
          said(onProgress, asset);
          if (asset.at_rest) end(resolve, asset);
        },
        refused: (error) => {
          said(onRefused, id, error);
          end(resolve, null);
        },
      };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener("abort", aborted, { once: true });
      this.#join(id, listener);
    });
  }

  #join(id, listener) {
    if (!this.#listeners.has(id)) this.#listeners.set(id, new Set());
    this.#listeners.get(id).add(listener);
    this.#pause = FIRST_PAUSE;
    if (!this.#asking) this.#soon(() => this.#open(), BREATH);
  }

  #leave(id, listener) {
    const others = this.#listeners.get(id);
    others?.delete(listener);
    if (others?.size === 0) this.#listeners.delete(id);
    if (this.#listeners.size === 0) this.#close();
  }

  #tell(id, word, value) {
    for (const listener of [...(this.#listeners.get(id) ?? [])]) listener[word](value);
  }

  #soon(act, pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, pause);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // --- by events ------------------------------------------------------------------------------

  #open() {
    this.#close();
    if (this.#listeners.size === 0) return;
    if (this.#chances === 0) return void this.#ask();
    const ids = [...this.#listeners.keys()].slice(0, AT_MOST);
    const source = new EventSource(`${this.base}events/?${ids.map((id) => `asset=${id}`).join("&")}`);
    this.#source = source;
    const heard = (name, act) => {
      source.addEventListener(name, (event) => {
        clearTimeout(this.#timer);
        if (this.#source === source) act(JSON.parse(event.data));
      });
    };
    heard("progress", ({ asset }) => {
      this.#chances = CHANCES;
      this.#tell(asset.id, "progress", asset);
    });
    heard("refused", ({ id, error }) => this.#tell(id, "refused", error));
    heard("done", () => this.#open()); // for those that have come since, or were too many
    source.addEventListener("error", () => {
      // Else the browser comes back by itself: the stream had its time, or the network went.
      if (this.#source === source && source.readyState === EventSource.CLOSED) this.#ask();
    });
    this.#soon(() => this.#ask(), SILENCE); // something between here and the server holds it back
  }

  // --- by asking ------------------------------------------------------------------------------

  async #ask() {
    this.#close();
    this.#asking = true;
    try {
      const answers = await Promise.all([...this.#listeners.keys()].map((id) => this.#progressOf(id)));
      // No stream, but not for what it was asked for. Twice in a row: it is not to be had here.
      if (this.#chances > 0 && answers.includes(true)) this.#chances -= 1;
    } finally {
      this.#asking = false;
    }
    if (this.#listeners.size === 0) return;
    this.#soon(() => this.#open(), this.#pause);
    this.#pause = Math.min(this.#pause * 1.4, LONGEST_PAUSE);
  }

  // Whether there was an answer that says how the asset fares.
  async #progressOf(id) {
    let response;
    let body;
    try {
      response = await fetch(`${this.base}assets/${id}/`, { credentials: "same-origin" });
      body = await response.json();
    } catch {
      return false; // the network, or somebody else's answer: ask again later
    }
    if (response.ok) this.#tell(id, "progress", body.asset);
    else if (response.status < 500 && body.error) this.#tell(id, "refused", body.error);
    return response.ok;
  }
}
