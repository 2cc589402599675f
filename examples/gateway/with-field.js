/** A message (text on text sessions, bytes on binary ones, null for a tombstone) with a field more, in the form it had. */
export function withField(message, name, value) {
  if (message === null) return null;
  const isText = typeof message === 'string';
  const object = objectOf(isText ? message : new TextDecoder().decode(message));
  if (object === undefined) return message;
  const text = JSON.stringify({ ...object, [name]: value });
  return isText ? text : new TextEncoder().encode(text);
}

function objectOf(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
