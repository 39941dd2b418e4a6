"use strict";
(() => {
  const form = document.querySelector("form.filters");
  if (form) {
    const samples = [...document.querySelectorAll("details.sample")];
    const output = form.querySelector("output");
    const fields = [...form.querySelectorAll("select")];
    const search = form.querySelector("input");
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const sample of samples) {
        const text = words.length ? sample.textContent.toLowerCase() : "";
        const fits =
          fields.every((field) => !field.value || sample.dataset[field.name] === field.value) &&
          words.every((word) => text.includes(word));
        sample.hidden = !fits;
        shown += fits;
      }
      output.textContent = `${shown} of ${samples.length} ${form.dataset.noun || "rows"}`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    apply();
  }
  const contents = document.querySelector("nav.toc details");
  if (contents && matchMedia("(max-width: 1079px)").matches) contents.open = false;
})();
