// Keeps an asset's page up to date while something works on the asset. One timer, one request at a
// time; none while the tab is hidden, and none once all is at rest.
"use strict";
(() => {
  const PAUSE = 2000;
  const LONGEST_PAUSE = 30000;
  let pause = PAUSE;
  let shown = null;

  const renew = (live, html) => {
    if (html === shown) return;
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    live.innerHTML = html;
    shown = html;
    if (focused) document.getElementById(focused)?.focus();
  };

  const say = (text) => {
    const status = document.getElementById("rindle-said");
    if (status.textContent !== text) status.textContent = text;
  };

  const look = async (live) => {
    const answer = await fetch(live.dataset.progress, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 403 || answer.status === 404) return false;
    if (!answer.ok) throw new Error(answer.statusText);
    const { active, said, html } = await answer.json();
    renew(live, html);
    say(said);
    return active;
  };

  const follow = async (live) => {
    let goOn = true;
    try {
      if (!document.hidden) goOn = await look(live);
      pause = PAUSE;
    } catch {
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
    if (goOn) setTimeout(follow, pause, live);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const live = document.getElementById("rindle-live");
    if (live && "active" in live.dataset) setTimeout(follow, PAUSE, live);
  });
})();
