// The conversation with the server: the steps of an upload, and what becomes of it.
// Knows nothing of the page; every failure is a Refusal with words that can be shown.

const PLACEHOLDER = "00000000-0000-0000-0000-000000000000";
// Beyond this a checksum costs more memory than it is worth: the server hashes anyway.
const HASHED_UP_TO = 64 * 1024 * 1024;
const TYPES = {
  avif: "image/avif", gif: "image/gif", heic: "image/heic", heif: "image/heic",
  jpeg: "image/jpeg", jpg: "image/jpeg", png: "image/png", webp: "image/webp",
  m4v: "video/mp4", mov: "video/quicktime", mp4: "video/mp4", webm: "video/webm",
  flac: "audio/flac", m4a: "audio/mp4", mp3: "audio/mpeg", oga: "audio/ogg", ogg: "audio/ogg",
  opus: "audio/ogg", wav: "audio/wav",
};
// The browser sets these itself and complains about scripts that do.
const SET_BY_BROWSER = new Set(["content-length", "host"]);

export class Refusal extends Error {
  constructor(message, { code = "", passing = false } = {}) {
    super(message);
    this.code = code;
    this.passing = passing; // whether the same file may succeed later
  }
}

const OFFLINE = "The connection was lost. Check your network and try again.";

export class Server {
  #line = Promise.resolve();

  constructor(addresses) {
    this.addresses = addresses;
  }

  async begin(file, signal) {
    const body = {
      profile: this.addresses[kindOf(file)],
      filename: file.name,
      content_type: contentType(file),
      byte_size: file.size,
      sha256: await sha256(file),
    };
    // One at a time: a visitor's session begins with the first answer, and two that are asked for
    // at once would begin one each, of which the browser keeps one.
    const answer = this.#line.then(() => this.#post(this.addresses.begin, body, signal));
    this.#line = answer.catch(() => {});
    return answer;
  }

  async verify(ticket, signal) {
    // Storage may show an object a moment after it has taken it.
    for (let pause = 200; ; pause *= 2) {
      try {
        return (await this.#post(this.addresses.verify, { ticket }, signal)).asset;
      } catch (refusal) {
        if (refusal.code !== "object_missing" || pause > 2000) throw refusal;
        await wait(pause, signal);
      }
    }
  }

  abort(ticket) {
    return this.#post(this.addresses.abort, { ticket });
  }

  keep(id) {
    return this.#post(about(this.addresses.keep, id));
  }

  remove(id) {
    return this.#post(about(this.addresses.remove, id));
  }

  async progress(id, signal) {
    return (await this.#ask(about(this.addresses.progress, id), { signal })).asset;
  }

  progressOf(id) {
    return about(this.addresses.progress, id);
  }

  playback(id) {
    return this.#ask(about(this.addresses.play, id), {});
  }

  originalOf(id) {
    return about(this.addresses.original, id);
  }

  #post(url, body, signal) {
    const headers = { "X-CSRFToken": this.addresses.csrf };
    if (body) headers["Content-Type"] = "application/json";
    return this.#ask(url, { method: "POST", headers, body: body && JSON.stringify(body), signal });
  }

  async #ask(url, options) {
    let response;
    try {
      response = await fetch(url, { credentials: "same-origin", ...options });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(OFFLINE, { code: "offline", passing: true });
    }
    if (!response.ok) throw await refusalOf(response);
    return response.status === 204 ? null : response.json();
  }
}

// The bytes, straight to storage. Not fetch(): only XMLHttpRequest tells how far an upload is.
export function put({ method, url, headers }, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      if (!SET_BY_BROWSER.has(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusalFrom(request.status, request.responseText));
    });
    request.addEventListener("error", () => {
      reject(new Refusal(OFFLINE, { code: "offline", passing: true }));
    });
    request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

export function wait(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function about(address, id) {
  return address.replace(PLACEHOLDER, id);
}

// Which of the profiles takes it; what is neither is refused as a photo would be.
export function kindOf(file) {
  const [kind] = contentType(file).split("/");
  return kind === "video" || kind === "audio" ? kind : "image";
}

function contentType(file) {
  // Browsers do not know every type; the server looks at the bytes anyway.
  return file.type || TYPES[file.name.split(".").pop().toLowerCase()] || "application/octet-stream";
}

async function sha256(file) {
  if (!globalThis.crypto?.subtle || file.size > HASHED_UP_TO) return "";
  let bytes;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    throw new Refusal("Your browser could not read this file. Was it moved or deleted?");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function refusalOf(response) {
  return refusalFrom(response.status, await response.text());
}

function refusalFrom(status, text) {
  const passing = status >= 500 || status === 408 || status === 409 || status === 429;
  try {
    const { code, message } = JSON.parse(text).error;
    return new Refusal(message, { code, passing });
  } catch {
    return new Refusal(`The server answered with an error (${status}).`, { passing });
  }
}
