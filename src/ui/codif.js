// Progressive enhancement of the coder's page: codes without reloading. Everything works without it, and whatever goes
// wrong here falls back to the plain navigation that the form or the link asked for.
"use strict";

const announcer = document.getElementById("announcer");
let shown = location.pathname + location.search;
let request = new AbortController();

document.documentElement.classList.add("js");

/** Shows the page at `url` in place; `true` when it could. */
async function show(url) {
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const main = document.querySelector("main");
  main.setAttribute("aria-busy", "true");
  announcer.textContent = "Codification en cours…";
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const next = page.querySelector("main#content");
    if (!next) throw new Error("not a page of codif");
    main.replaceWith(next);
    document.title = page.title;
    announcer.textContent = page.title;
    shown = url.pathname + url.search;
    const target = ["[autofocus]", "#results-title", "h1"].map((one) => next.querySelector(one)).find(Boolean);
    target?.focus();
    return true;
  } catch {
    // Nothing to undo when a later request took over: the page is its own.
    if (signal.aborted) return true;
    main.removeAttribute("aria-busy");
    announcer.textContent = "";
    return false;
  }
}

/** The address that the form asks for, less what was left empty. */
function address(form) {
  const url = new URL(form.action);
  url.hash = "";
  for (const [name, value] of new FormData(form)) {
    if (value !== "" || name === "description") url.searchParams.append(name, value);
  }
  return url;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form.form")) return;
  event.preventDefault();
  const url = address(form);
  const before = shown;
  if (!(await show(url))) return form.submit();
  if (shown !== before && shown === url.pathname + url.search) history.pushState(null, "", url);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.closest("form.form");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
});

window.addEventListener("popstate", async () => {
  const url = new URL(location.href);
  if (url.pathname + url.search === shown) return;
  if (!(await show(url))) location.reload();
});
