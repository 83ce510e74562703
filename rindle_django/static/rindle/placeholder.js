// Paints the placeholders of images and videos that have one (data-thumbhash) until they are there.
//
//     <script src="{% static 'rindle/placeholder.js' %}" defer></script>
//
// Works under the strictest policies: what is painted are CSS gradients, set from here, so that
// neither inline styles nor data: or blob: images have to be allowed. Nothing depends on it.
(() => {
  "use strict";

  const BANDS = 16;
  const STOPS = 8;
  const PAINTED = ["background-image", "background-size", "background-position", "background-repeat"];

  // --- the hash ------------------------------------------------------------------------------
  // Four channels, each a mean and a few cosine waves in four bits: see
  // https://evanw.github.io/thumbhash/

  function kept(across, down) {
    const places = [];
    for (let y = 0; y < down; y++) {
      for (let x = 0; x * down < across * (down - y); x++) places.push([x, y]);
    }
    return places;
  }

  function decoded(text) {
    const code = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    if (code.length < 6) throw new RangeError("not a ThumbHash");
    const first = code[0] | (code[1] << 8) | (code[2] << 16);
    const second = code[3] | (code[4] << 8);
    const veiled = first >> 23;
    let nibble = veiled ? 12 : 10;
    const next = () => {
      const byte = code[nibble >> 1];
      const level = byte === undefined ? 7.5 : (byte >> ((nibble & 1) << 2)) & 15;
      nibble++;
      return level / 7.5 - 1;
    };
    const waves = (mean, scale, across, down) =>
      kept(across, down).map(([x, y], at) => [x, y, at ? 2 * scale * next() : mean]);
    const long = veiled ? 5 : 7;
    const short = second & 7;
    const [across, down] = (second >> 15 ? [long, short] : [short, long]).map(n => Math.max(3, n));
    return [
      waves((first & 63) / 63, ((first >> 18) & 31) / 31, across, down),
      waves(((first >> 6) & 63) / 31.5 - 1, (((second >> 3) & 63) / 63) * 1.25, 3, 3),
      waves(((first >> 12) & 63) / 31.5 - 1, (((second >> 9) & 63) / 63) * 1.25, 3, 3),
      veiled ? waves((code[5] & 15) / 15, (code[5] >> 4) / 15, 5, 5) : [[0, 0, 1]],
    ];
  }

  // The colour at fractions of width and height.
  function colour(channels, across, down) {
    const [light, yellow, red, alpha] = channels.map(waves =>
      waves.reduce(
        (sum, [x, y, strength]) =>
          sum + strength * Math.cos(Math.PI * x * across) * Math.cos(Math.PI * y * down),
        0,
      ),
    );
    const blue = light - (2 / 3) * yellow;
    const crimson = (3 * light - blue + red) / 2;
    const [r, g, b] = [crimson, crimson - red, blue].map(value =>
      Math.round(255 * Math.min(1, Math.max(0, value))),
    );
    return `rgb(${r} ${g} ${b} / ${Math.min(1, Math.max(0, alpha)).toFixed(2)})`;
  }

  // --- the picture ---------------------------------------------------------------------------

  function band(channels, row) {
    const down = (row + 0.5) / BANDS;
    const stops = [];
    for (let stop = 0; stop < STOPS; stop++) {
      stops.push(colour(channels, stop / (STOPS - 1), down));
    }
    return `linear-gradient(to right, ${stops.join(", ")})`;
  }

  function paint(element) {
    const channels = decoded(element.dataset.thumbhash);
    const rows = [...Array(BANDS).keys()];
    const values = [
      rows.map(row => band(channels, row)).join(", "),
      // A pixel more than its share, or the ground would shine through between two bands.
      `100% calc(${100 / BANDS}% + 1px)`,
      rows.map(row => `0 ${(100 * row) / (BANDS - 1)}%`).join(", "),
      "no-repeat",
    ];
    PAINTED.forEach((name, at) => element.style.setProperty(name, values[at]));
    element.dataset.rindlePainted = "";
  }

  function clear(element) {
    PAINTED.forEach(name => element.style.removeProperty(name));
    delete element.dataset.rindlePainted;
  }

  // Whether what the placeholder stands for is there. An image that is pending shows nothing.
  function isThere(element) {
    if (element.hasAttribute("data-rindle-pending")) return false;
    if (element instanceof HTMLImageElement) return element.complete && element.naturalWidth > 0;
    return element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  function arrived({ target: element }) {
    if (element.dataset && "rindlePainted" in element.dataset && isThere(element)) clear(element);
  }

  function begin(element) {
    if (isThere(element) || "rindlePainted" in element.dataset) return;
    try {
      paint(element);
    } catch {
      // What is no hash has no placeholder.
    }
  }

  function beginAll(root) {
    if (root.matches?.("[data-thumbhash]")) begin(root);
    root.querySelectorAll?.("[data-thumbhash]").forEach(begin);
  }

  // They do not bubble, but they can be caught on their way.
  document.addEventListener("load", arrived, true);
  document.addEventListener("loadeddata", arrived, true);
  new MutationObserver(changes => {
    for (const { addedNodes } of changes) addedNodes.forEach(beginAll);
  }).observe(document, { childList: true, subtree: true });
  beginAll(document);
})();
