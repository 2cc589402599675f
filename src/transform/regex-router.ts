import { define, parse } from '../config/config-def.ts';
import { checkJavaPattern, javaPattern } from '../config/java-pattern/java-pattern.ts';
import { string } from '../config/option.ts';
import { withTopic } from './record-part.ts';
import { connectVersion, type TransformClass } from './transform.ts';

const config = define({
  regex: string({
    doc: "Pattern that the whole topic must match, in the language of Java's Pattern",
    importance: 'high',
    validate: (value) => {
      const problem = value === null ? 'null' : checkJavaPattern(value);
      return problem === undefined ? undefined : `Invalid regex: ${problem}`;
    },
  }),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is Java's syntax
  replacement: string({ doc: 'The new topic; $1 or ${name} stands for a group of the pattern', importance: 'high' }),
});

/** Topics whose whole name matches are renamed, others stay. */
export const regexRouter: TransformClass = {
  kind: 'transformation',
  className: 'org.apache.kafka.connect.transforms.RegexRouter',
  version: connectVersion,
  config,
  make(raw) {
    const { regex, replacement } = parse(config, raw);
    const pattern = javaPattern(regex);
    // A connector writes to few topics: the last one's answer is nearly always the answer.
    let lastTopic: string | undefined;
    let lastResult = '';
    return {
      apply(record) {
        const { topic } = record;
        if (topic !== lastTopic) {
          lastResult = pattern.matches(topic) ? pattern.replaceFirst(topic, replacement) : topic;
          lastTopic = topic;
        }
        return lastResult === topic ? record : withTopic(record, lastResult);
      },
    };
  },
};
