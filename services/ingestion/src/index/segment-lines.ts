/** The lines of a segment (log/record-line.ts), as a table that DuckDB reads itself. */
export function linesOf(file: string): string {
  return `read_csv('${file.replaceAll("'", "''")}', auto_detect = false, header = false, delim = '\t', quote = '', escape = '',
        nullstr = '\\N', new_line = '\\n', max_line_size = 4000000, buffer_size = 8000000, parallel = false,
        columns = {'kind': 'VARCHAR', 'sequence': 'UBIGINT', 'time_ms': 'BIGINT', 'a': 'VARCHAR', 'b': 'VARCHAR',
          'c': 'VARCHAR', 'd': 'VARCHAR', 'properties': 'VARCHAR'})`
}

/** The text of one of the columns a to d, which hold the insides of JSON strings. */
export function textOf(column: string): string {
  return `CASE WHEN contains(${column}, '\\') THEN json_extract_string('"' || ${column} || '"', '$') ELSE ${column} END`
}
