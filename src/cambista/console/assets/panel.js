// A panel of the desk: takes markup and changes only what differs, so that focus, selection and transitions survive.
const replay = (element) => {
  element.classList.remove("ticked");
  void element.offsetWidth;
  element.classList.add("ticked");
};

function attributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    const wanted = name === "class" && from.classList.contains("ticked") ? `${value} ticked` : value;
    if (from.getAttribute(name) !== wanted) from.setAttribute(name, wanted);
  }
}

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;

function morph(from, to) {
  const keyed = new Map([...from.children].filter((each) => each.dataset.key).map((each) => [each.dataset.key, each]));
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const known = next.dataset?.key ? keyed.get(next.dataset.key) : at && alike(at, next) ? at : null;
    if (!known) {
      from.insertBefore(next, at);
      continue;
    }
    if (known === at) at = at.nextSibling;
    else from.insertBefore(known, at);
    if (next.nodeType === Node.TEXT_NODE) {
      if (known.data !== next.data) known.data = next.data;
    } else if (!known.isEqualNode(next)) {
      const before = "tick" in known.dataset ? known.textContent : null;
      attributes(known, next);
      morph(known, next);
      if (before !== null && before !== known.textContent) replay(known);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

export default {
  template: "<section></section>",
  props: { markup: String },
  mounted() {
    this.$el.innerHTML = this.markup;
    requestAnimationFrame(() => this.$el.classList.add("settled"));
  },
  watch: {
    markup(markup) {
      const template = document.createElement("template");
      template.innerHTML = markup;
      morph(this.$el, template.content);
    },
  },
};
