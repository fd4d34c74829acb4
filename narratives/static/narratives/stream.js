/** Sound that plays while it is still coming, where the browser can do that (Media Source Extensions). */

export const canStream = (type) => Boolean(window.MediaSource && MediaSource.isTypeSupported(type));

/** An address for the <audio> element that is fed by a download as its parts come. */
export function streamAddress(download, type, milliseconds) {
  const media = new MediaSource();
  media.addEventListener("sourceopen", () => feed(media, download, type, milliseconds), { once: true });
  return URL.createObjectURL(media);
}

function feed(media, download, type, milliseconds) {
  const { parts } = download;
  const buffer = media.addSourceBuffer(type);
  if (milliseconds) media.duration = milliseconds / 1000;
  let fed = 0;

  function feedOn() {
    if (media.readyState !== "open" || buffer.updating) return;
    const isBroken = download.hasFailed || download.parts !== parts;
    if (isBroken) media.endOfStream("network"); // what has come plays to its end, then the element reports it
    else if (fed < parts.length) buffer.appendBuffer(parts[fed++]);
    else if (download.isWhole) media.endOfStream();
  }

  buffer.addEventListener("updateend", feedOn);
  download.onChange(feedOn);
  feedOn();
}
