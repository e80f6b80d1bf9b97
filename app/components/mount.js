// What a component does when Streamlit calls it, the same for all.

/** Make the object of a root element once, update it, and give back what ends it. */
function mounted(component, selector, known, Kind) {
  const root = component.parentElement.querySelector(selector);
  if (!root) return undefined;
  let found = known.get(root);
  if (!found) {
    found = new Kind(root);
    known.set(root, found);
  }
  found.update(component);
  return () => {
    found.destroy();
    known.delete(root);
  };
}
