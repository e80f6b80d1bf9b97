// The handles, what is shaded outside of them, and the mirror of a symmetric range.

/** Put them where the range is; what lies out of view is hidden. */
function placeHandles(picker, params) {
  const { handles, shades, mirror, span } = picker.el;
  const symmetric = picker.shape.spec.symmetric;
  const ends = [params.rmin, params.rmax];
  handles.forEach((handle, end) => {
    const value = picker.valueOf(end);
    const at = picker.x(value, picker.viewOf(end));
    const seen = at >= -1 && at <= picker.plotWidth + 1;
    handle.hidden = !seen || (end < 2 && !picker.free[end]);
    handle.style.transform = `translateX(${at}px)`;
    const outward = (end === 0 ? at : picker.plotWidth - at) > 92;
    handle.dataset.side = (end > 0) === outward ? "right" : "left";
    const text = format(value);
    handle.lastElementChild.textContent = symmetric && end === 1 ? `±${text}` : text;
    handle.setAttribute("aria-valuenow", value);
    handle.setAttribute("aria-valuemin", end === 0 ? picker.domain[0] : 0);
    handle.setAttribute("aria-valuemax", end === 0 ? 0 : picker.curvesDomain[1]);
    handle.setAttribute("aria-valuetext", text);
  });
  const [from, to] = ends.map((end) => Math.min(Math.max(picker.x(end), 0), picker.plotWidth));
  shades[0].style.transform = `translateX(${from}px)`;
  shades[1].style.transform = `translateX(${to}px)`;
  span.style.transform = `translateX(${from}px)`;
  span.style.width = `${Math.max(to - from, 0)}px`;
  const mirrored = picker.x(picker.valueOf(0));
  mirror.hidden = !picker.mirrored || mirrored < 0 || mirrored > picker.plotWidth;
  mirror.style.transform = `translateX(${mirrored}px)`;
}
