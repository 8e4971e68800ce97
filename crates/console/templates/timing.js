// Says how long the named requests took in this browser: which of them, and how many milliseconds. Nothing else is sent.
(() => {
  "use strict";
  const named = [/* requests */].map((name) => {
    const [method, path] = name.split(" ");
    const parts = path.split("/").map((part) => (part.startsWith("{") ? "[^/]+" : part.replace(/[^\w-]/g, "\\$&")));
    return { name, method, path: new RegExp(`^${parts.join("/")}$`) };
  });
  const find = (method, address) => {
    const url = new URL(address, location.href);
    if (url.origin !== location.origin) return undefined;
    return named.find((one) => (method === undefined || one.method === method) && one.path.test(url.pathname));
  };
  const say = (one, took) => {
    const body = new URLSearchParams([["on", one.name], ["ms", String(Math.max(0, Math.round(took)))]]);
    navigator.sendBeacon("/.avouch/timing", body);
  };

  // A form that leads to another page: from when it is sent until that page is there.
  const KEPT = "avouch-timing";
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const method = (event.submitter?.getAttribute("formmethod") ?? form.method).toUpperCase();
    const one = find(method, event.submitter?.getAttribute("formaction") ?? form.action);
    if (one) sessionStorage.setItem(KEPT, JSON.stringify({ name: one.name, at: Date.now() }));
  });
  const sent = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);

  // The page itself: from asking for it until it is there, by the browser's own clock.
  new PerformanceObserver((list, observer) => {
    const entry = list.getEntries().find((one) => one.loadEventEnd > 0);
    if (!entry) return;
    observer.disconnect();
    // A form whose page did not include this script is not answered by a later page.
    const lately = sent && performance.timeOrigin - sent.at < 5_000;
    const form = lately && named.find((one) => one.name === sent.name);
    const page = find("GET", location.href);
    if (form && entry.type === "navigate") {
      say(form, performance.timeOrigin + entry.loadEventEnd - sent.at);
    } else if (page && entry.type !== "back_forward") {
      say(page, entry.duration);
    }
  }).observe({ type: "navigation", buffered: true });

  // What scripts of the application ask for: the browser does not say by which method.
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.initiatorType !== "fetch" && entry.initiatorType !== "xmlhttprequest") continue;
      const one = find(undefined, entry.name);
      if (one) say(one, entry.duration);
    }
  }).observe({ type: "resource", buffered: true });
})();
