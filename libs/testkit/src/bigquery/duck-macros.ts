/** Functions of GoogleSQL that DuckDB does not have, or has in another form. */
export const duckMacros = [
  `CREATE MACRO bq_text(x) AS CASE WHEN starts_with(typeof(x), 'DECIMAL') AND contains(x::VARCHAR, '.')
     THEN rtrim(rtrim(x::VARCHAR, '0'), '.') ELSE x::VARCHAR END`,
  "CREATE MACRO UNIX_DATE(d) AS (d - DATE '1970-01-01')",
  'CREATE MACRO TO_JSON_STRING(x) AS to_json(x)::VARCHAR',
  'CREATE MACRO bq_timestamp(x) AS make_timestamp(epoch_us(x))',
  // DuckDB has these for texts only, or gives them as text.
  'CREATE MACRO bq_byte_length(x) AS (strlen(hex(x)) // 2)',
  'CREATE MACRO bq_substr(x, first, count) AS x[first : first + count - 1]',
  'CREATE MACRO bq_sha256(x) AS unhex(sha256(x))',
  // For wildcard-tables.ts.
  'CREATE MACRO bq_parse_date(form, text) AS try_strptime(text, form)::DATE',
  'CREATE MACRO bq_json_object(keys, items) AS to_json(map(keys, items))',
]
