/** Texts that come from a peer or go to one, made fit for logs and statuses. */
const shortestSecret = 4;

/** Replaces what is secret wherever it stands. */
export function masker(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter((secret) => secret.length >= shortestSecret).sort((a, b) => b.length - a.length);
  return (text) => long.reduce((masked, secret) => masked.replaceAll(secret, '***'), printable(text));
}

const secretName = /token|key|secret|pass|auth|sign|credential|login/i;

/** The beginning of a message that is sent, for the log. A message that signs in is not shown at all. */
export function preview(message: string): string {
  const masked = message
    .replace(/("([^"\\]|\\.)*"\s*:\s*)("([^"\\]|\\.)*"|[^\s,}\]]+)/g, (pair, name: string) =>
      secretName.test(name) ? `${name}"***"` : pair,
    )
    .replace(/\bBearer\s+\S+/gi, 'Bearer ***');
  const values = masked.replace(/"([^"\\]|\\.)*"\s*:/g, '');
  if (secretName.test(values.replaceAll('"***"', ''))) return '***';
  return printable(masked.slice(0, 100));
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters do not belong in a log
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ');
}
