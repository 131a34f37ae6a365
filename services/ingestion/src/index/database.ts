import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/** The DuckDB of one project. One writer at a time, any number of readers. */
export type Database = {
  readonly writer: DuckDBConnection
  /** A connection of its own; the caller closes it. */
  connect(): Promise<DuckDBConnection>
  close(): void
}

export type DatabaseOptions = {
  readonly file: string
  /** The only folder whose files DuckDB may touch: the project's log. */
  readonly logDir: string
  readonly tempDir: string
  readonly memoryMb: number
}

/**
 * `events_log` holds every copy that arrived; `events` shows, of those equal in event, time, distinct_id and insert_id,
 * the one that arrived last. Candidates are found by a 64-bit hash, so that the view holds 16 bytes a row in memory and
 * compares in full only the few rows whose hashes meet: 30 ms for 800,000 rows, where a window over all rows spills.
 *
 * `mirrored_events` holds the latest version of each mirrored event, deleted ones as tombstones; they are of no other import.
 * `mirrored_profiles` does so for rows of profile history. When a row ends is not stored: `profile_history` takes it from the next
 * row of the same id. `hidden_events` are those that go with such rows. `import_floors` holds, for an import that was begun anew,
 * the first generation that counts: what is older is not taken any more, however late it comes.
 */
const schema = `
CREATE TABLE IF NOT EXISTS position (indexed_through UBIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS events_log (
  sequence UBIGINT NOT NULL, time_ms BIGINT NOT NULL, event VARCHAR NOT NULL, distinct_id VARCHAR NOT NULL,
  insert_id VARCHAR NOT NULL, import_id VARCHAR NOT NULL, key_hash UBIGINT NOT NULL, properties VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS mirrored_events (
  sequence UBIGINT NOT NULL, time_ms BIGINT NOT NULL, event VARCHAR NOT NULL, distinct_id VARCHAR NOT NULL,
  insert_id VARCHAR NOT NULL, import_id VARCHAR NOT NULL, generation BIGINT NOT NULL, run_seq BIGINT NOT NULL,
  ordinal BIGINT NOT NULL, is_deleted BOOLEAN NOT NULL, properties VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS mirrored_profiles (
  sequence UBIGINT NOT NULL, time_ms BIGINT NOT NULL, event VARCHAR NOT NULL, distinct_id VARCHAR NOT NULL,
  insert_id VARCHAR NOT NULL, import_id VARCHAR NOT NULL, generation BIGINT NOT NULL, run_seq BIGINT NOT NULL,
  ordinal BIGINT NOT NULL, is_deleted BOOLEAN NOT NULL, properties VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS import_floors (import_id VARCHAR NOT NULL, generation BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS profiles (
  group_key VARCHAR NOT NULL, id VARCHAR NOT NULL, sequence UBIGINT NOT NULL, updated_ms BIGINT NOT NULL,
  properties VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS lookup_tables (table_id VARCHAR NOT NULL, columns VARCHAR NOT NULL, rows BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS lookup_rows (table_id VARCHAR NOT NULL, id VARCHAR NOT NULL, line BIGINT NOT NULL,
  properties VARCHAR NOT NULL);
CREATE OR REPLACE VIEW doubled_keys AS SELECT key_hash FROM events_log GROUP BY key_hash HAVING count(*) > 1;
CREATE OR REPLACE VIEW events AS
  SELECT sequence, time_ms, event, distinct_id, insert_id, import_id, properties
  FROM events_log WHERE key_hash NOT IN (SELECT key_hash FROM doubled_keys)
  UNION ALL
  SELECT sequence, time_ms, event, distinct_id, insert_id, import_id, properties
  FROM events_log WHERE key_hash IN (SELECT key_hash FROM doubled_keys)
  QUALIFY row_number() OVER (PARTITION BY event, time_ms, distinct_id, insert_id ORDER BY sequence DESC) = 1
  UNION ALL
  SELECT sequence, time_ms, event, distinct_id, insert_id, import_id, properties
  FROM mirrored_events WHERE NOT is_deleted;
CREATE OR REPLACE VIEW profile_history AS
  SELECT properties->>'$.group_key' AS group_key, distinct_id AS id, time_ms AS start_ms,
    lead(time_ms) OVER (PARTITION BY properties->>'$.group_key', distinct_id
      ORDER BY time_ms, generation, run_seq, ordinal) AS end_ms,
    (properties->'$.set')::VARCHAR AS properties
  FROM mirrored_profiles WHERE NOT is_deleted;
CREATE OR REPLACE VIEW hidden_events AS
  SELECT sequence, time_ms, event, distinct_id, insert_id, import_id FROM mirrored_profiles WHERE NOT is_deleted;
CREATE OR REPLACE VIEW user_profiles AS
  SELECT id AS distinct_id, updated_ms, properties FROM profiles WHERE group_key = '';
CREATE OR REPLACE VIEW group_profiles AS
  SELECT group_key, id AS group_id, updated_ms, properties FROM profiles WHERE group_key <> '';
`

/** Opens a project's database, makes its tables, and locks its settings: no files but the log's, no way to change that. */
export async function openDatabase({ file, logDir, tempDir, memoryMb }: DatabaseOptions): Promise<Database> {
  const instance = await DuckDBInstance.create(file, {
    threads: '1',
    memory_limit: `${memoryMb}MB`,
    temp_directory: tempDir,
    max_temp_directory_size: '8GB',
    checkpoint_threshold: '64MB',
    // Freed memory goes back to the system soon, instead of after half a gigabyte.
    allocator_flush_threshold: '8MB',
    allocator_bulk_deallocation_flush_threshold: '8MB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  try {
    const writer = await instance.connect()
    await writer.run(schema)
    const rows = (await writer.runAndReadAll('SELECT count(*) FROM position')).getRows()
    if (rows[0]![0] === 0n) await writer.run('INSERT INTO position VALUES (1)')
    // CPU an event of 430 bytes, whole row groups, in one run: 1.6 µs uncompressed, 2.4 µs FSST, 3.0 µs by analysis of
    // each block; 450, 158 and 150 bytes an event on disk. CPU is what is short here.
    await writer.run("SET force_compression = 'uncompressed'")
    await writer.run(`SET allowed_directories = ['${logDir.replaceAll("'", "''")}/']`)
    await writer.run('SET enable_external_access = false')
    await writer.run('SET lock_configuration = true')
    const close = () => {
      // A connection keeps the database open until it is collected; opened again meanwhile, the file would have two writers.
      writer.closeSync()
      instance.closeSync()
    }
    return { writer, connect: () => instance.connect(), close }
  } catch (error) {
    instance.closeSync()
    throw error
  }
}
