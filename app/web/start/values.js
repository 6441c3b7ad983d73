// Flutter gives an input its text only while it is edited (flutter/flutter, issue 150260); before that a screen reader would call every
// filled field empty. The app writes the text on the node around the field (parts.field); here it becomes the input's value.
const MARK = "value:";
const given = new WeakMap(); // input: the text that it was given last

function fill() {
  for (const node of document.querySelectorAll(`[flt-semantics-identifier^="${MARK}"]`)) {
    const input = node.querySelector("input, textarea");
    const text = node.getAttribute("flt-semantics-identifier").slice(MARK.length);
    if (input === null || input === document.activeElement || given.get(input) === text) continue;
    given.set(input, text);
    input.value = text;
  }
}

// Groups of radio buttons without any are how Tab goes through a part of the screen as a whole (ui/shared/hands.py); a screen reader is
// to hear nothing of that.
function unname() {
  for (const group of document.querySelectorAll('flt-semantics[role="radiogroup"]')) {
    const own = (radio) => radio.closest('[role="radiogroup"]') === group;
    if (![...group.querySelectorAll('[role="radio"]')].some(own)) group.removeAttribute("role");
  }
}

function mend() {
  fill();
  unname();
}

new MutationObserver(mend).observe(document.body, { subtree: true, childList: true, attributeFilter: ["flt-semantics-identifier"] });
