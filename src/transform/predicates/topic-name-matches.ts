import { define, parse } from '../../config/config-def.ts';
import { checkJavaPattern, javaPattern } from '../../config/java-pattern/java-pattern.ts';
import { string } from '../../config/option.ts';
import { connectVersion, type PredicateClass } from '../transform.ts';
import { nonEmptyString } from '../validators.ts';

const config = define({
  pattern: string({
    doc: "Pattern that the whole topic must match, in the language of Java's Pattern",
    validate: (value, name) => {
      const problem = value === null ? 'null' : checkJavaPattern(value);
      return nonEmptyString(value, name) ?? (problem === undefined ? undefined : `Invalid regex: ${problem}`);
    },
  }),
});

/** True for a record whose topic matches as a whole. */
export const topicNameMatches: PredicateClass = {
  kind: 'predicate',
  className: 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
  version: connectVersion,
  config,
  make(raw) {
    const pattern = javaPattern(parse(config, raw).pattern);
    let lastTopic: string | undefined;
    let lastAnswer = false;
    return {
      test({ topic }) {
        if (topic !== lastTopic) {
          lastAnswer = pattern.matches(topic);
          lastTopic = topic;
        }
        return lastAnswer;
      },
    };
  },
};
