const isJson = (x: string) => `typeof(${x}) = 'JSON'`
const array = `'STRUCT(arr JSON)'`
const object = `'STRUCT(obj JSON)'`
const zoned = `typeof(x) LIKE 'STRUCT(utc%'`

/**
 * Snowflake's functions where DuckDB has none of that name and sense. Casts go through the ones whose names end in _OF.
 * VARIANT is JSON, ARRAY and OBJECT are JSON in a struct that tells them apart, TIMESTAMP_TZ is the moment with its offset in
 * minutes. `typeof` is decided once for a statement, not for a row.
 */
export const duckMacros: readonly string[] = [
  `SET TimeZone = 'UTC'`,
  `CREATE SEQUENCE row_ids`,
  // JSON of what may be wrapped
  `CREATE MACRO sf_json(x) AS CASE typeof(x) WHEN ${array} THEN json_extract(to_json(x), '$.arr')
     WHEN ${object} THEN json_extract(to_json(x), '$.obj') ELSE CASE WHEN x IS NULL THEN NULL ELSE to_json(x) END END`,
  `CREATE MACRO sf_array_of(x) AS CASE WHEN sf_json(x) IS NULL THEN NULL ELSE {'arr': sf_json(x)} END`,
  `CREATE MACRO sf_object_of(x) AS CASE WHEN sf_json(x) IS NULL THEN NULL ELSE {'obj': sf_json(x)} END`,
  `CREATE MACRO sf_variant_of(x) AS sf_json(x)`,
  // a moment, whatever kind it is of: microseconds of UTC, minutes of offset
  `CREATE MACRO sf_zone_minutes(t) AS CASE WHEN regexp_matches(t, '[+-]\\d\\d:?(\\d\\d)?$') AND length(t) > 11
     THEN (CASE WHEN regexp_extract(t, '([+-])\\d\\d:?(\\d\\d)?$', 1) = '-' THEN -1 ELSE 1 END)
       * (CAST(regexp_extract(t, '[+-](\\d\\d):?(\\d\\d)?$', 1) AS INTEGER) * 60
         + coalesce(TRY_CAST(regexp_extract(t, '[+-]\\d\\d:?(\\d\\d)$', 1) AS INTEGER), 0)) ELSE 0 END`,
  `CREATE MACRO sf_off(x) AS CASE WHEN ${zoned} THEN CAST(json_extract_string(to_json(x), '$.off') AS INTEGER)
     WHEN typeof(x) IN ('VARCHAR', 'JSON') THEN sf_zone_minutes(json_extract_string(to_json(x), '$')) ELSE 0 END`,
  `CREATE MACRO sf_micros(x) AS CASE WHEN ${zoned}
       THEN epoch_us(CAST(json_extract_string(to_json(x), '$.utc') AS TIMESTAMP))
     WHEN typeof(x) IN ('VARCHAR', 'JSON') THEN epoch_us(CAST(regexp_replace(json_extract_string(to_json(x), '$'), ' ([+-]\\d\\d)', '\\1') AS TIMESTAMPTZ))
     WHEN typeof(x) IN ('DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE') THEN epoch_us(CAST(CAST(x AS VARCHAR) AS TIMESTAMPTZ))
     ELSE CAST(CAST(CAST(x AS VARCHAR) AS DOUBLE) * 1000000 AS BIGINT) END`,
  `CREATE MACRO sf_ntz_of(x) AS make_timestamp(sf_micros(x) + CAST(sf_off(x) AS BIGINT) * 60000000)`,
  `CREATE MACRO sf_ltz_of(x) AS to_timestamp(0) + to_microseconds(sf_micros(x))`,
  `CREATE MACRO sf_tz_of(x) AS CASE WHEN sf_micros(x) IS NULL THEN NULL
     ELSE {'utc': make_timestamp(sf_micros(x)), 'off': sf_off(x)} END`,
  `CREATE MACRO sf_text_of(x) AS CASE WHEN ${isJson('x')} THEN json_extract_string(to_json(x), '$')
     WHEN typeof(x) IN (${array}, ${object}) THEN CAST(sf_json(x) AS VARCHAR)
     WHEN typeof(x) = 'BLOB' THEN hex(CAST(x AS BLOB))
     ELSE CAST(x AS VARCHAR) END`,
  // wall-clock time of a moment or a time of day, as a format of strftime sees it
  `CREATE MACRO sf_clock(x) AS make_timestamp(CASE typeof(x) WHEN 'TIME' THEN epoch_us(CAST(CAST(x AS VARCHAR) AS TIME))
     ELSE sf_micros(x) + CAST(sf_off(x) AS BIGINT) * 60000000 END)`,
  `CREATE MACRO sf_charindex(part, x) AS strpos(x, part)`,
  `CREATE MACRO sf_octets(x) AS CASE typeof(x) WHEN 'BLOB' THEN octet_length(CAST(x AS BLOB)) ELSE strlen(CAST(x AS VARCHAR)) END`,
]
