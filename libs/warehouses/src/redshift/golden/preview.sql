SELECT c0 AS c0, c1 AS c1, CASE WHEN c2 THEN 't' WHEN NOT c2 THEN 'f' END AS c2, c3 AS c3, c4 AS c4, c5 AS c5, c6 AS c6, CASE WHEN OCTET_LENGTH(c7) = 0 OR LEFT(c7, 1) = '~' THEN '~' || c7 ELSE c7 END AS c7, CASE WHEN OCTET_LENGTH(c8) = 0 OR LEFT(c8, 1) = '~' THEN '~' || c8 ELSE c8 END AS c8, c9 AS c9, c10 AS c10, CASE WHEN OCTET_LENGTH(c11) = 0 OR LEFT(c11, 1) = '~' THEN '~' || c11 ELSE c11 END AS c11, CASE WHEN OCTET_LENGTH(c12) = 0 OR LEFT(c12, 1) = '~' THEN '~' || c12 ELSE c12 END AS c12, CASE WHEN OCTET_LENGTH(c13) = 0 OR LEFT(c13, 1) = '~' THEN '~' || c13 ELSE c13 END AS c13
FROM (SELECT
  CAST("id" AS BIGINT) AS c0,
  DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', "inserted at" AT TIME ZONE 'UTC') AS c1,
  "a boolean" AS c2,
  CAST("a smallint" AS BIGINT) AS c3,
  CAST("a real" AS DOUBLE PRECISION) AS c4,
  CAST("a double precision" AS DOUBLE PRECISION) AS c5,
  CAST("a numeric(12,2)" AS VARCHAR) AS c6,
  "a character varying(256)" AS c7,
  RTRIM("a character(8)") AS c8,
  DATEDIFF(day, DATE '1970-01-01', "a date") AS c9,
  DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', "a timestamp without time zone") AS c10,
  CAST("a time without time zone" AS VARCHAR) AS c11,
  CAST("a time with time zone" AS VARCHAR) AS c12,
  JSON_SERIALIZE("a super") AS c13
FROM "shop"."visits ""v"""
LIMIT 20) AS t;
