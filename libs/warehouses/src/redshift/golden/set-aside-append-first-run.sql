CREATE TABLE "millrace"."run_01900000000070008000000000000001_0123456789abcdef" AS
SELECT
  CAST("id" AS BIGINT) AS c0,
  "name" AS c1,
  DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', "at") AS c2
FROM "shop"."visits ""v"""
WHERE "inserted at" IS NOT NULL;
