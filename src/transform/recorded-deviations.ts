/** Where ours answers otherwise than the recorded transforms, and why. Data for `recorded.test.ts`. */

/** Texts that differ. Both refuse. */
export const textDeviations: readonly { readonly recorded: RegExp; readonly ours: RegExp; readonly why: string }[] = [
  {
    recorded: /^Value \(.*\) was out of range/,
    ours: /^Value was out of range for requested data type$/,
    why: "a record's content is in no error text",
  },
  { recorded: /^Timestamp missing on record: /, ours: /^Timestamp missing on record for topic "t"$/, why: 'the same' },
  {
    recorded: /^Could not parse timestamp: value \(/,
    ours: /^Could not parse timestamp: the value does not/,
    why: 'the same',
  },
  {
    recorded: /^Cannot list fields on non-struct/,
    ours: /^Only Struct objects supported/,
    why: 'it says what was found',
  },
  { recorded: /^Cannot look up fields on non-struct/, ours: /^Unknown field: /, why: 'it names the field' },
  { recorded: /^Conversion error: null value/, ours: /^Cannot write a value/, why: 'not of the transform' },
  { recorded: /InsertionSpec@/, ours: /static field: x$/, why: "it names the field, not a Java object's address" },
  {
    recorded: /^Unable to convert abc .* to number$/,
    ours: /^Unable to convert abc .* to a number$/,
    why: 'one text for all types',
  },
  {
    recorded: /^(No group|Illegal group|character to be escaped)/,
    ours: /^(No group|Illegal group|character to be).* \(replacement "/,
    why: 'it shows the replacement',
  },
  {
    recorded: /IllegalArgumentException: .* for configuration (TimestampConverter requires|Invalid type found)/,
    ours: /^(TimestampConverter requires|Invalid value \[.*\] for configuration spec: Invalid type found)/,
    why: "Java's exception stands in the place of the value",
  },
  { recorded: /^Index (-1|0) out of bounds/, ours: /^Unknown field: $/, why: 'an index out of bounds' },
];

/** Cases in which Kafka Connect fails and ours gives what `deviations.json` holds, or refuses earlier. */
export const betterAnswers: readonly { readonly cases: RegExp; readonly why: string }[] = [
  {
    cases: /^Cast\$Value: (decimal|\w* ?timestamp|date|time) to /,
    why: "the type's name would stay on a value that is no longer of that type, and no converter takes it",
  },
  {
    cases: /^SetSchemaMetadata\$Value: (string|array|map|optional null) /,
    why: 'it works on every schema, not on structures alone',
  },
  { cases: /^MaskField\$Value: dec by (12\.7|abc|1e2)$/, why: "digits are cut to the field's scale" },
  {
    cases: /^ExtractField\$Value: {2}V2 of a (map|struct)$/,
    why: 'an empty path names a field without a name, not the whole',
  },
  { cases: /^TimestampRouter: bad format$/, why: 'refused at the start, not at the first record' },
  { cases: /^(RegexRouter: nothing given|TopicNameMatches: none)$/, why: "a null pointer's text" },
  { cases: /^InsertHeader: '(5,6|1:2|10:20:30|5:|\{\})'$/, why: 'a number with something behind it is a text' },
];
