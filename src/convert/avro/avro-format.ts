import { TributaryError } from '../../base/errors.ts';
import type { RegisteredSchema, SchemaFormat } from '../registered/registered-converter.ts';
import { avroEncoder } from './avro-encode.ts';
import { type AvroSchema, type AvroSchemaOptions, avroSchema, recordName } from './avro-schema.ts';
import { AvroWriter } from './avro-writer.ts';

/** Values in Avro's binary form. Bytes that are the whole value stand bare behind the id, as Confluent's serializer has it. */
export function avroFormat(options: AvroSchemaOptions): SchemaFormat {
  const writer = new AvroWriter();
  return {
    describe: (schema) => JSON.stringify(avroSchema(schema, options)),
    recordName: (schema) => recordName(schema, options),
    encoder(schema, registered) {
      const avro = parsed(registered);
      const bare = avro === 'bytes' || (typeof avro === 'object' && 'type' in avro && avro.type === 'bytes');
      const encode = avroEncoder(schema, avro);
      return (value) => {
        writer.reset();
        writer.byte(0);
        writer.int32(registered.id);
        if (bare && value instanceof Uint8Array) writer.raw(value);
        else encode(writer, value);
        return writer.take();
      };
    },
  };
}

function parsed({ id, text }: RegisteredSchema): AvroSchema {
  try {
    return JSON.parse(text) as AvroSchema;
  } catch (error) {
    // A registry may give a bare name (`string`) without quotation marks.
    if (/^[a-z]+$/.test(text)) return text;
    throw new TributaryError('CONVERSION_FAILED', `Cannot use schema ${id} of the registry: it is no Avro schema`, {
      cause: error,
    });
  }
}
