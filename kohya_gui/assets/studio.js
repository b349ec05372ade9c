// The Data tab: loads the dataset studio (assets/studio/) from the server when the tab is first shown.

crucible.loadLater({
  place: "studio-place", tab: "tab-data-button", kept: "crucible-data-tab", from: "data", script: "studio.js",
  styles: ["parts.css", "studio.css", "panel.css"],
});
