/** Patterns of topic names: `*` stands for any run of characters, nothing else is special. */
const legal = /^[A-Za-z0-9._*-]{1,249}$/;

export function isPattern(pattern: string): boolean {
  return legal.test(pattern);
}

export function topicMatcher(pattern: string): (topic: string) => boolean {
  // Runs of stars are one star: else a pattern of many would cost exponentially much.
  const source = pattern
    .split(/\*+/)
    .map((part) => part.replace(/[.]/g, '\\.'))
    .join('[^]*');
  const whole = new RegExp(`^${source}$`);
  return (topic) => whole.test(topic);
}
