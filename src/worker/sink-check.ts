/** What Kafka Connect checks of a sink's topics, in its words. */
import { checkJavaPattern, javaPattern } from '../config/java-pattern/java-pattern.ts';
import { parseValue } from '../config/parse-value.ts';
import type { RawConfigWithNulls } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';

/** Errors by option. */
export function sinkErrors(
  connector: Connector,
  config: RawConfigWithNulls,
): Readonly<Record<string, readonly string[]>> {
  if (connector.kind !== 'sink') return {};
  const text = (key: string): string => (config[key] ?? '').trim();
  const [topics, regex, deadLetters] = [
    text('topics'),
    text('topics.regex'),
    text('errors.deadletterqueue.topic.name'),
  ];
  if (topics !== '' && regex !== '') {
    return both('topics and topics.regex are mutually exclusive options, but both are set.');
  }
  if (topics === '' && regex === '') return both('Must configure one of topics or topics.regex');
  if (deadLetters === '') return {};
  const parsed = parseValue('LIST', topics);
  const listed = parsed.ok ? (parsed.value as readonly string[]) : [];
  if (listed.includes(deadLetters)) {
    return {
      topics: [
        `The DLQ topic '${deadLetters}' may not be included in the list of topics ('topics=[${listed.join(', ')}]') ` +
          'consumed by the connector',
      ],
    };
  }
  // A faulty pattern is the option's own error.
  if (regex !== '' && checkJavaPattern(regex) === undefined && javaPattern(regex).matches(deadLetters)) {
    return {
      'topics.regex': [
        `The DLQ topic '${deadLetters}' may not be included in the regex matching the topics ('topics.regex=${regex}') ` +
          'consumed by the connector',
      ],
    };
  }
  return {};
}

function both(problem: string): Readonly<Record<string, readonly string[]>> {
  return { topics: [problem], 'topics.regex': [problem] };
}
