// Texts in the room that there is for them.

const pen = document.createElement("canvas").getContext("2d");

/** The width of a text in pixels. */
function widthOf(text, font) {
  pen.font = font;
  return pen.measureText(text).width;
}

/** A text with its middle left out where there is no room for all of it: both ends tell names apart. */
function fitted(text, font, room) {
  if (widthOf(text, font) <= room) return text;
  const cut = (length) => `${text.slice(0, Math.floor(0.4 * length))}…${text.slice(text.length - Math.ceil(0.6 * length))}`;
  let [least, most] = [1, text.length - 1];
  while (least < most) {
    const length = Math.ceil((least + most) / 2);
    if (widthOf(cut(length), font) <= room) least = length;
    else most = length - 1;
  }
  return cut(least);
}
