import { isDeepStrictEqual } from 'node:util';
import type { Settings } from './settings.ts';

/**
 * Messages that make of the subscriptions of `before` those of `after`: new ones, or what ends those that are left out where
 * the configuration says how. undefined: more than subscriptions has changed, or nobody knows how to end one.
 *
 * Where some are left out and others are new, too: one message may ask for much, so that the new one asks again for what the
 * end of the old one ends, and what comes between the two would be lost.
 */
export function subscriptionChange(before: Settings, after: Settings): readonly string[] | undefined {
  const rest = ({ subscriptions: _, unsubscription: _rule, redundant: _other, ...others }: Settings): object => others;
  if (!isDeepStrictEqual(rest(before), rest(after))) return undefined;
  const removed = before.subscriptions.filter((message) => !after.subscriptions.includes(message));
  const added = after.subscriptions.filter((message) => !before.subscriptions.includes(message));
  const rule = after.unsubscription;
  if (removed.length === 0) return added;
  if (added.length > 0) return undefined;
  if (rule === null || removed.some((message) => !message.includes(rule.from))) return undefined;
  return removed.map((message) => message.replaceAll(rule.from, rule.to));
}
