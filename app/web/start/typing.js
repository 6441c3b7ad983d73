// What a person types through an input method (Japanese, Korean, a dead key) or on a phone's keyboard.

// While it composes, its keys are its own: Enter takes a candidate, Tab goes on to the next one, Escape takes the composition back.
// Flutter would leave the field or close the dialog. 229 is Safari's Enter, which comes when the composition has just ended.
addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) event.stopImmediatePropagation();
}, true);

// A phone's keyboard begins sentences with a capital by itself, as the person set it up; Flet can only change what was typed.
addEventListener("focusin", ({ target }) => {
  if (target.matches("input[autocorrect=on], textarea[autocorrect=on]")) target.setAttribute("autocapitalize", "sentences");
});
