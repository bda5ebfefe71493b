/** Which gauge the address names (`#gauge=…`), so that the back button, bookmarks and shared links work. Pure. */

const KEY = "gauge=";

export function gaugeOfHash(hash: string): string | null {
  const text = hash.startsWith("#") ? hash.slice(1) : hash;
  if (!text.startsWith(KEY)) return null;
  try {
    return decodeURIComponent(text.slice(KEY.length)) || null;
  } catch {
    return null;
  }
}

export function hashOfGauge(id: string): string {
  return `#${KEY}${encodeURIComponent(id)}`;
}
