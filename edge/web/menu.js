// A menu behind a button: one choice of several, by mouse, touch or keyboard (WAI-ARIA menu button pattern).

const openMenus = new Set();

export class Menu {
  #button;
  #list;
  #choose;

  /** `button` has the id of its list in `aria-controls`. `choose(id)` is called with the chosen item's id. */
  constructor(button, choose) {
    this.#button = button;
    this.#list = document.getElementById(button.getAttribute("aria-controls"));
    this.#choose = choose;
    button.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      this.open();
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=menuitemradio]");
      if (item) this.#pick(item);
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (this.isOpen && !this.#list.contains(target) && !button.contains(target))
        this.close({ refocus: false });
    });
    this.#list.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.#list.contains(relatedTarget)) this.close({ refocus: false });
    });
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  /** Shows `items`: `[{id, name, detail?, checked}]`. An open menu keeps the place of its focus. */
  render(items) {
    const focused = this.#items().indexOf(document.activeElement);
    this.#list.querySelector(".menu-items").replaceChildren(...items.map(itemElement));
    if (focused >= 0) this.#items()[Math.min(focused, items.length - 1)]?.focus();
  }

  open() {
    for (const other of openMenus) other.close({ refocus: false });
    openMenus.add(this);
    this.#list.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    const checked = this.#list.querySelector("[aria-checked=true]") ?? this.#items()[0];
    checked?.focus({ preventScroll: false });
  }

  close({ refocus = true } = {}) {
    openMenus.delete(this);
    this.#list.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    if (refocus) this.#button.focus();
  }

  #items() {
    return [...this.#list.querySelectorAll("[role=menuitemradio]")];
  }

  #pick(item) {
    this.close();
    this.#choose(item.dataset.id);
  }

  #key(event) {
    const items = this.#items();
    const at = items.indexOf(document.activeElement);
    const moves = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: (at - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    if (event.key in moves) items[moves[event.key]]?.focus();
    else if (event.key === "Escape") this.close();
    else if ((event.key === "Enter" || event.key === " ") && items[at]) this.#pick(items[at]);
    else if (event.key === "Tab") return this.close();
    else return;
    // What a menu answers is not also a command to the player.
    event.preventDefault();
  }
}

/** True while any menu is open: the controls must not fade. */
export function anyMenuOpen() {
  return openMenus.size > 0;
}

function itemElement({ id, name, detail, checked }) {
  const item = document.createElement("div");
  item.className = "menu-item";
  item.dataset.id = id;
  item.tabIndex = -1;
  item.setAttribute("role", "menuitemradio");
  item.setAttribute("aria-checked", String(checked));
  item.append(textElement("menu-name", name));
  if (detail) item.append(textElement("menu-detail", detail));
  return item;
}

function textElement(className, text) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}
