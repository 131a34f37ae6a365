CREATE TABLE `my-project-123`.`millrace`.`millrace_run_read_0`
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 72 HOUR))
AS SELECT
  CASE WHEN o.row_id IS NULL THEN 'insert' WHEN n.row_id IS NULL THEN 'delete' ELSE 'update' END AS op,
  COALESCE(n.row_id, o.row_id) AS row_id,
  n.c0 AS c0,
  n.c1 AS c1,
  o.c1 AS b0
FROM (
SELECT row_id, row_sum, c0, c1
FROM (SELECT (SELECT SHA256(SUBSTR(v.bytes, 1, BYTE_LENGTH(v.bytes) - v.tail)) FROM UNNEST([STRUCT(CONCAT(IF(c0 IS NULL, b'n', CAST(CONCAT('i', CAST(BYTE_LENGTH(CAST(c0 AS STRING)) AS STRING), ':', CAST(c0 AS STRING)) AS BYTES))) AS bytes, 0 AS tail)]) AS v) AS row_id, row_sum, c0, c1
FROM (SELECT (SELECT SHA256(SUBSTR(v.bytes, 1, BYTE_LENGTH(v.bytes) - v.tail)) FROM UNNEST([STRUCT(CONCAT(IF(c0 IS NULL, b'n', CAST(CONCAT('i', CAST(BYTE_LENGTH(CAST(c0 AS STRING)) AS STRING), ':', CAST(c0 AS STRING)) AS BYTES)), IF(c1 IS NULL, b'n', CAST(CONCAT('u', CAST(BYTE_LENGTH(CAST(c1 AS STRING)) AS STRING), ':', CAST(c1 AS STRING)) AS BYTES))) AS bytes, 2 - GREATEST(CASE WHEN c0 IS NULL THEN 0 ELSE 1 END, CASE WHEN c1 IS NULL THEN 0 ELSE 2 END) AS tail)]) AS v) AS row_sum, c0, c1
FROM (SELECT
  `id` AS c0,
  UNIX_MICROS(`inserted at`) AS c1
FROM `my-project-123`.`millrace`.`millrace_run_snapshot_0`
WHERE TRUE)))
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY row_id ORDER BY row_sum) = 1) AS n
FULL JOIN (
SELECT row_id, row_sum, c1
FROM (SELECT (SELECT SHA256(SUBSTR(v.bytes, 1, BYTE_LENGTH(v.bytes) - v.tail)) FROM UNNEST([STRUCT(CONCAT(IF(c0 IS NULL, b'n', CAST(CONCAT('i', CAST(BYTE_LENGTH(CAST(c0 AS STRING)) AS STRING), ':', CAST(c0 AS STRING)) AS BYTES))) AS bytes, 0 AS tail)]) AS v) AS row_id, row_sum, c0, c1
FROM (SELECT (SELECT SHA256(SUBSTR(v.bytes, 1, BYTE_LENGTH(v.bytes) - v.tail)) FROM UNNEST([STRUCT(CONCAT(IF(c0 IS NULL, b'n', CAST(CONCAT('i', CAST(BYTE_LENGTH(CAST(c0 AS STRING)) AS STRING), ':', CAST(c0 AS STRING)) AS BYTES)), IF(c1 IS NULL, b'n', CAST(CONCAT('u', CAST(BYTE_LENGTH(CAST(c1 AS STRING)) AS STRING), ':', CAST(c1 AS STRING)) AS BYTES))) AS bytes, 2 - GREATEST(CASE WHEN c0 IS NULL THEN 0 ELSE 1 END, CASE WHEN c1 IS NULL THEN 0 ELSE 2 END) AS tail)]) AS v) AS row_sum, c0, c1
FROM (SELECT
  `id` AS c0,
  UNIX_MICROS(`inserted at`) AS c1
FROM `my-project-123`.`millrace`.`millrace_last_snapshot_0`
WHERE TRUE)))
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY row_id ORDER BY row_sum) = 1) AS o
ON n.row_id = o.row_id
WHERE n.row_id IS NULL OR o.row_id IS NULL OR n.row_sum <> o.row_sum
