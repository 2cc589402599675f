/** Names that Kafka takes: topics up to 249 characters, groups of the same alphabet. */
const legal = /^[A-Za-z0-9._-]+$/;
const maxTopicLength = 249;

export function isTopicName(name: string): boolean {
  return name.length <= maxTopicLength && legal.test(name) && name !== '.' && name !== '..';
}

export function isGroupId(name: string): boolean {
  return legal.test(name);
}

/** Topics that Kafka and its programs keep for themselves. */
export function isInternalTopic(name: string): boolean {
  return name.startsWith('__');
}
