// The Evaluate tab: loads its scripts (assets/evaluate/) from the server when the tab is first shown.

crucible.loadLater({
  place: "evaluate-place", tab: "tab-evaluate-button", kept: "crucible-evaluate-tab", from: "evaluate",
  script: "evaluate.js", styles: ["parts.css", "evaluate.css", "large.css"],
});
