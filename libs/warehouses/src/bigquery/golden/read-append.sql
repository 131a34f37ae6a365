CREATE TABLE `my-project-123`.`millrace`.`millrace_run_read_0`
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 72 HOUR))
AS SELECT
  `id` AS c0,
  UNIX_MICROS(`inserted at`) AS c1,
  `a_boolean` AS c2,
  `a_float` AS c3,
  CAST(`a_numeric` AS STRING) AS c4,
  `a_string` AS c5,
  `a_bytes` AS c6,
  UNIX_DATE(`a_date`) AS c7,
  UNIX_MICROS(TIMESTAMP(`a_datetime`)) AS c8,
  CAST(`a_time` AS STRING) AS c9,
  IF(`a_json` IS NULL, NULL, TO_JSON_STRING(`a_json`)) AS c10,
  ST_ASTEXT(`a_geography`) AS c11,
  CAST(`a_interval` AS STRING) AS c12,
  IF(`a_range` IS NULL, NULL, FORMAT('%t', `a_range`)) AS c13,
  IF(`items` IS NULL, NULL, TO_JSON_STRING(`items`)) AS c14
FROM `my-project-123`.`shop`.`visits` FOR SYSTEM_TIME AS OF TIMESTAMP '2026-11-24 23:00:00.123456+00'
WHERE `inserted at` > TIMESTAMP '2026-11-23 23:00:00.000001+00' AND `inserted at` <= TIMESTAMP '2026-11-24 22:59:59.999999+00'
