/** What a producer may compress record batches with; consumers read all of them. `MILLRACE_KAFKA_COMPRESSION` of the services. */
export const compressions = ['none', 'gzip', 'zstd'] as const
export type Compression = (typeof compressions)[number]
