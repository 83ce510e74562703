// The page: files come in by button, drop or paste; each gets a card and is seen through.

import { follow } from "../rindle/progress.js";
import { Card } from "./card.js";
import { put, Refusal, Server } from "./server.js";
import { Viewer } from "./viewer.js";

const AT_ONCE = 3; // uploads; the others wait with their cards shown
const REFUSED = new Set(["refused", "failed"]);
const NOUNS = { image: "photo", video: "video", audio: "sound" };

const grid = document.getElementById("photos");
const input = document.getElementById("files");
const server = new Server(document.getElementById("gallery").dataset);
const cards = new Map(); // by element
const viewer = new Viewer(server, () => all().filter((card) => card.shown === "ready"));
const queue = [];
let active = 0;

// --- cards on the page ------------------------------------------------------------------------

function all() {
  return Array.from(grid.children, (element) => cards.get(element));
}

function adopt(card, file = null) {
  const job = { card, file, ticket: null, verified: Boolean(card.asset), stop: new AbortController() };
  cards.set(card.element, card);
  card.open.addEventListener("click", () => viewer.show(card));
  card.remove.addEventListener("click", () => remove(job));
  card.retry.addEventListener("click", () => again(job));
  return job;
}

function recount() {
  const cards = all();
  const good = cards.filter((card) => !REFUSED.has(card.shown));
  const parts = Object.entries(NOUNS)
    .map(([kind, noun]) => [good.filter((card) => card.kind === kind).length, noun])
    .filter(([count]) => count > 0)
    .map(([count, noun]) => counted(count, noun));
  if (good.length === 0) parts.push("0 photos");
  const refused = cards.length - good.length;
  if (refused > 0) parts.push(`${counted(refused, "file")} refused`);
  document.getElementById("empty").hidden = cards.length > 0;
  document.getElementById("count").textContent = cards.length > 0 ? parts.join(", ") : "";
}

function counted(count, noun) {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function announce(text) {
  document.getElementById("live").textContent = text;
}

// --- one upload -------------------------------------------------------------------------------

function add(files) {
  const jobs = Array.from(files, (file) => adopt(Card.create(file), file));
  if (jobs.length === 0) return;
  grid.append(...jobs.map((job) => job.card.element));
  recount();
  jobs[0].card.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  announce(jobs.length === 1 ? "Adding 1 file" : `Adding ${jobs.length} files`);
  jobs.forEach(enqueue);
}

function again(job) {
  job.stop = new AbortController();
  if (!job.verified) return enqueue(job);
  return settle(job, null).then(() => keep(job)).catch((error) => failed(job, error));
}

function enqueue(job) {
  job.ticket = null;
  job.card.phase("waiting");
  queue.push(job);
  next();
}

async function next() {
  if (active >= AT_ONCE || queue.length === 0) return;
  const job = queue.shift();
  active += 1;
  try {
    await send(job);
  } catch (error) {
    failed(job, error);
  } finally {
    active -= 1;
    next();
  }
}

async function send(job) {
  const { card, file } = job;
  const signal = job.stop.signal;
  signal.throwIfAborted();
  card.phase("reading");
  const begun = await server.begin(file, signal);
  job.ticket = begun.ticket;
  card.asset = begun.asset_id;
  card.uploaded(0);
  await put(begun.upload, file, (fraction) => card.uploaded(fraction), signal);
  const asset = await server.verify(begun.ticket, signal);
  job.verified = true;
  settle(job, asset);
  await keep(job);
}

async function keep(job) {
  try {
    await server.keep(job.card.asset);
  } catch (refusal) {
    // A file that the workers refused already: its own card says why.
    if (refusal.code !== "asset_not_attachable") throw refusal;
  }
}

// Not awaited by the queue: the next upload need not wait for this one's thumbnails.
async function settle(job, asset) {
  const { card } = job;
  try {
    if (!asset || !card.follow(asset)) await seeThrough(card, job.stop.signal);
    recount();
    announce(card.shown === "ready" ? `${card.name} is ready` : `${card.name} was refused`);
  } catch (error) {
    failed(job, error);
  }
}

function seeThrough(card, signal) {
  return follow(server.progressOf(card.asset), {
    signal,
    onProgress: (asset) => card.follow(asset),
    onRefused: (_, { code, message }) => {
      throw new Refusal(message, { code });
    },
  });
}

function failed({ card, ticket, verified, stop }, error) {
  if (error.name === "AbortError") return;
  stop.abort(); // of two things under way the other must not speak over this
  if (ticket && !verified) server.abort(ticket).catch(() => {});
  card.fail(error);
  recount();
  announce(`${card.name} did not upload: ${error.message}`);
}

async function remove(job) {
  const { card } = job;
  const neighbour = card.element.nextElementSibling ?? card.element.previousElementSibling;
  job.stop.abort();
  try {
    if (job.verified) await server.remove(card.asset);
    else if (job.ticket) await server.abort(job.ticket);
  } catch (refusal) {
    if (job.verified) return card.fail(refusal);
  }
  card.element.remove();
  cards.delete(card.element);
  recount();
  announce(`${card.name} removed`);
  (neighbour?.querySelector("button:not(:disabled)") ?? document.getElementById("choose")).focus();
}

// --- files come in ----------------------------------------------------------------------------

function choose() {
  input.click();
}

document.getElementById("choose").addEventListener("click", choose);
document.getElementById("choose-first").addEventListener("click", choose);
input.addEventListener("change", () => {
  add(input.files);
  input.value = ""; // the same file may be chosen again
});

const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0; // dragenter and dragleave come for every element on the way
addEventListener("dragenter", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  depth += 1;
  document.body.classList.add("dragging");
});
addEventListener("dragover", (event) => {
  if (bringsFiles(event)) event.preventDefault();
});
addEventListener("dragleave", (event) => {
  if (!bringsFiles(event)) return;
  depth = Math.max(0, depth - 1);
  if (depth === 0) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dragging");
  add(event.dataTransfer.files);
});
addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));

// --- photos that were there -------------------------------------------------------------------

for (const element of grid.children) {
  const card = new Card(element);
  const job = adopt(card);
  if (card.shown === "working") settle(job, null);
}
recount();
