/** Patterns of topic names: `*` stands for any run of characters, nothing else is special. */
const legal = /^[A-Za-z0-9._*-]{1,249}$/;

export function isPattern(pattern: string): boolean {
  return legal.test(pattern);
}

/**
 * In time that grows with pattern times topic, whatever clients send: as a regular expression, many stars would cost a
 * power of the topic's length.
 */
export function topicMatcher(pattern: string): (topic: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (topic) => topic === pattern;
  const between = rest.filter((part) => part !== '');
  return (topic) => {
    const end = topic.length - last.length;
    if (end < first.length || !topic.startsWith(first) || !topic.endsWith(last)) return false;
    let at = first.length;
    // The earliest place of each part leaves the most room for those behind it.
    for (const part of between) {
      const found = topic.indexOf(part, at);
      if (found === -1 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
