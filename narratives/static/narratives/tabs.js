/**
 * Two tabs of this page never speak at once: the one that begins silences the others. And clearing the device
 * clears all of them. Not a word of anybody goes from tab to tab.
 */
const CHANNEL = "lifereview";
const SIGNAL = "lifereview.signal";

export function createTabs({ onOtherVoice, onCleared }) {
  const channel = window.BroadcastChannel ? new BroadcastChannel(CHANNEL) : null;
  const handle = (message) => (message === "cleared" ? onCleared() : onOtherVoice());

  if (channel) channel.onmessage = ({ data }) => handle(data);
  else window.addEventListener("storage", ({ key, newValue }) => key === SIGNAL && newValue && handle(newValue));

  function send(message) {
    if (channel) {
      channel.postMessage(message);
      return;
    }
    try {
      // Safari before 15.4: other tabs see the change, and nothing stays behind.
      window.localStorage.setItem(SIGNAL, message);
      window.localStorage.removeItem(SIGNAL);
    } catch (error) {
      // Without a store there is no way to the other tabs.
    }
  }

  return { speak: () => send("speaking"), clear: () => send("cleared") };
}
