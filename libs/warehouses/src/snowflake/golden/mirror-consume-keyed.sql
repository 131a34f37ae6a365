CREATE TRANSIENT TABLE "ANALYTICS"."MILLRACE"."RUN_01900000000070008000000000000001_0123456789ABCDEF" AS
WITH captured AS (
SELECT METADATA$ACTION = 'INSERT' AS is_new, METADATA$ROW_ID AS row_id,
  TO_VARCHAR("ID") AS v0,
  "NAME" AS v1,
  TO_VARCHAR(DATE_PART(epoch_microsecond, "AT")) AS v2,
  "SCORE" AS v3
FROM "ANALYTICS"."MILLRACE"."STREAM_01900000000070008000000000000001_0123456789ABCDEF"
), numbered AS (
SELECT *, ROW_NUMBER() OVER (PARTITION BY is_new, v0 ORDER BY row_id) AS nth
FROM captured
), netted AS (
SELECT IFF(COUNT_IF(is_new) = 0, 'd', IFF(COUNT_IF(NOT is_new) = 0, 'i', 'u')) AS op,
  COALESCE(MIN(IFF(is_new, row_id, NULL)), MIN(row_id)) AS id,
  GREATEST(COUNT_IF(is_new) - 1, 0) AS copies,
  v0 AS c0,
  MAX(IFF(is_new AND nth = 1, v1, NULL)) AS c1,
  MAX(IFF(is_new AND nth = 1, v2, NULL)) AS c2,
  MAX(IFF(is_new AND nth = 1, v3, NULL)) AS c3,
  MAX(IFF(NOT is_new AND nth = 1, v2, NULL)) AS b0,
  MAX(IFF(NOT is_new AND nth = 1, v1, NULL)) AS b1
FROM numbered
GROUP BY v0
HAVING COUNT_IF(is_new) = 0
  OR COUNT_IF(NOT is_new) = 0
  OR MAX(IFF(is_new AND nth = 1, v1, NULL)) IS DISTINCT FROM MAX(IFF(NOT is_new AND nth = 1, v1, NULL))
  OR MAX(IFF(is_new AND nth = 1, v2, NULL)) IS DISTINCT FROM MAX(IFF(NOT is_new AND nth = 1, v2, NULL))
  OR MAX(IFF(is_new AND nth = 1, v3, NULL)) IS DISTINCT FROM MAX(IFF(NOT is_new AND nth = 1, v3, NULL))
  OR TO_VARCHAR(MAX(IFF(is_new AND nth = 1, v3, NULL))) IS DISTINCT FROM TO_VARCHAR(MAX(IFF(NOT is_new AND nth = 1, v3, NULL)))
)
SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS n, *
FROM netted
