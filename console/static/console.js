"use strict";
// What makes the pages quicker to use. Without it every page does the same with one step more.

// Of the fields of an act only those that it takes are shown.
for (const form of document.querySelectorAll("[data-act-form]")) {
  const act = form.querySelector("[data-act]");
  const show = () => {
    for (const field of form.querySelectorAll("[data-for]")) {
      field.hidden = !field.dataset.for.split(" ").includes(act.value);
    }
  };
  act.addEventListener("change", show);
  show();
}

// One box chooses all on the page, and says so.
for (const form of document.querySelectorAll("form[data-act-form]")) {
  const boxes = [...form.querySelectorAll('input[type="checkbox"][name="seen"]')];
  const heading = form.querySelector("thead th");
  if (boxes.length < 2 || !heading) continue;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Choose all on this page");
  heading.replaceChildren(all);
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  boxes.forEach((box) => box.addEventListener("change", () => {
    const chosen = boxes.filter((one) => one.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }));
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 3000);
  });
}

// A page that waits for work in the background opens again by itself.
if (document.querySelector("[data-open-again]")) {
  setTimeout(() => location.reload(), 4000);
}
