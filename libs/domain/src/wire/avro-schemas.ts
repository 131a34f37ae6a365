/**
 * The Avro schemas of the topics as constants; schemas/*.avsc are the same for readers and other languages (a test
 * compares them). The schema of a changes topic is made per table: change-schema.ts.
 */

export type AvroSchema = string | readonly AvroSchema[] | { readonly [attribute: string]: unknown }

export const batchHeaderSchema = {
  type: 'record',
  name: 'BatchHeader',
  namespace: 'millrace',
  fields: [
    { name: 'project_id', type: 'string' },
    { name: 'sync_id', type: 'string' },
    { name: 'run_id', type: 'string' },
    { name: 'run_seq', type: 'long' },
    { name: 'generation', type: 'int' },
    { name: 'mapping_version', type: 'int' },
    { name: 'chunk', type: 'int' },
    { name: 'attempt', type: 'int' },
    { name: 'seq', type: 'int' },
    { name: 'rows', type: 'int' },
    { name: 'bytes', type: 'long' },
    { name: 'traceparent', type: 'string', default: '' },
  ],
} as const

export const updateBatchSchema = {
  type: 'record',
  name: 'UpdateBatch',
  namespace: 'millrace.updates',
  doc: 'One change batch, transformed: same header, same partition. Its updates other than retract + rejects + filtered = header.rows: a retract takes away what the row of another update or reject was at the destination before, and counts as no row.',
  fields: [
    { name: 'header', type: batchHeaderSchema },
    {
      name: 'table_type',
      type: {
        type: 'enum',
        name: 'TableType',
        symbols: ['events', 'user_profiles', 'group_profiles', 'lookup_table'],
      },
    },
    { name: 'filtered', type: 'int' },
    {
      name: 'rejects',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Reject',
          fields: [
            { name: 'row_id', type: { type: 'fixed', name: 'RowId', namespace: 'millrace', size: 32 } },
            { name: 'ordinal', type: 'long' },
            { name: 'code', type: 'string' },
            { name: 'field', type: 'string' },
            { name: 'message', type: 'string' },
          ],
        },
      },
    },
    {
      name: 'updates',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Update',
          fields: [
            {
              name: 'op',
              type: { type: 'enum', name: 'UpdateOp', symbols: ['insert', 'update', 'delete', 'retract'] },
            },
            { name: 'ordinal', type: 'long' },
            { name: 'row_id', type: 'millrace.RowId' },
            {
              name: 'key',
              type: ['null', 'string'],
              doc: 'What the destination keys a profile or lookup row on; null for events',
            },
            {
              name: 'body',
              type: 'bytes',
              doc: 'One JSON object in UTF-8, as the destination takes it, without its project token; lookup_table: one RFC 4180 CSV line without line end',
            },
          ],
        },
      },
    },
  ],
} as const

export const markerSchema = {
  type: 'record',
  name: 'Marker',
  namespace: 'millrace',
  doc: 'run_open / run_end, written to every partition of a changes topic by the extractor and forwarded in order by the transformer.',
  fields: [
    { name: 'kind', type: { type: 'enum', name: 'MarkerKind', symbols: ['run_open', 'run_end'] } },
    { name: 'project_id', type: 'string' },
    { name: 'sync_id', type: 'string' },
    { name: 'run_id', type: 'string' },
    { name: 'run_seq', type: 'long' },
    { name: 'generation', type: 'int' },
    { name: 'mapping_version', type: 'int' },
    { name: 'epoch', type: 'int' },
    { name: 'rows', type: 'long' },
    { name: 'batches', type: 'long' },
  ],
} as const
