CREATE TABLE "millrace"."run_01900000000070008000000000000001_0123456789abcdef" AS
SELECT
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
FROM "shop"."visits ""v""";
