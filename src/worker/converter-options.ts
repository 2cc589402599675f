/** Options of converters as a connector's configuration may give them, and as `/connector-plugins/{p}/config` shows them. */
import { define, type Options, type RawConfigWithNulls, validate } from '../config/config-def.ts';
import type { ShownValue } from '../config/config-infos.ts';
import { javaHashOrder } from '../config/java-hash-order.ts';
import { oneOf, string } from '../config/option.ts';
import { checkVersion } from '../config/plugin-version.ts';
import { type ConverterClass, converterClasses, findConverter } from '../convert/converters.ts';
import { connectVersion } from '../transform/transform.ts';

export const simpleHeaderConverterClass = 'org.apache.kafka.connect.storage.SimpleHeaderConverter';

const kafkaConnect = 'org.apache.kafka.connect.';

const typeOption = define({
  'converter.type': string({
    doc: 'What the converter is used for: key, value or header. The worker sets it',
    validate: oneOf(['key', 'value', 'header']),
    importance: 'low',
  }),
}).options;

/** Those a form may offer: of Kafka Connect's own, and of users. Our default ones go by without being named. */
export function offeredConverters(classes: readonly ConverterClass[] = converterClasses): readonly string[] {
  return classes
    .filter((one) => one.className.startsWith(kafkaConnect) || !converterClasses.includes(one))
    .map(({ className }) => className)
    .sort();
}

export function offeredHeaderConverters(classes?: readonly ConverterClass[]): readonly string[] {
  return [...offeredConverters(classes), simpleHeaderConverterClass].sort();
}

export function converterOptionsOf(converter: ConverterClass): Options {
  return { ...typeOption, ...converter.config.options };
}

/** Options of the converters that the configuration names; none for those that come from the worker. */
export function converterValues(
  raw: RawConfigWithNulls,
  classes: readonly ConverterClass[] = converterClasses,
): ShownValue[] {
  return (['header', 'key', 'value'] as const).flatMap((type) => {
    const name = raw[`${type}.converter`]?.trim();
    const converter = name === undefined ? undefined : findConverter(name, classes);
    if (converter === undefined) return [];
    const prefix = `${type}.converter.`;
    const given: Record<string, string | null> = { 'converter.type': type };
    for (const [key, value] of Object.entries(raw)) if (key.startsWith(prefix)) given[key.slice(prefix.length)] = value;
    const options = converterOptionsOf(converter);
    const values = new Map(validate({ options }, given).map((value) => [value.name, value]));
    return javaHashOrder(Object.keys(options)).map((key): ShownValue => {
      const { option, value, errors } = values.get(key)!;
      return { name: prefix + key, option: { ...option, displayName: option.displayName ?? key }, value, errors };
    });
  });
}

/** Versions of converters that are named and are not those there are. */
export function converterVersionErrors(raw: RawConfigWithNulls): Readonly<Record<string, readonly string[]>> {
  const errors: Record<string, readonly string[]> = {};
  for (const type of ['header', 'key', 'value']) {
    const [key, versionKey] = [`${type}.converter`, `${type}.converter.plugin.version`];
    const converter = findConverter(raw[key]?.trim() ?? '');
    if (converter === undefined) continue;
    const problem = checkVersion(converter.className, connectVersion, raw[versionKey] ?? null);
    if (problem !== undefined) Object.assign(errors, { [key]: [problem], [versionKey]: [problem] });
  }
  return errors;
}
