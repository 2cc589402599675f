import type { SubjectName } from './registered-converter.ts';
import type { RegistryConfig } from './registry-config.ts';

/** The subject under which the registry keeps a schema, as the chosen strategy names it. */
export function subjectName(config: RegistryConfig, part: 'key' | 'value' | 'header'): SubjectName {
  const strategy = config[`${part === 'key' ? 'key' : 'value'}.subject.name.strategy`];
  switch (strategy.slice(strategy.lastIndexOf('.') + 1)) {
    case 'RecordNameStrategy':
      return (_topic, recordName) => recordName();
    case 'TopicRecordNameStrategy':
      return (topic, recordName) => `${topic}-${recordName()}`;
    default:
      return (topic) => `${topic}-${part}`;
  }
}
