SELECT CAST(c0 AS STRING) AS c0, CAST(c1 AS STRING) AS c1, CAST(c2 AS STRING) AS c2, c3 AS c3, c4 AS c4, HEX(c5) AS c5, CAST(c6 AS STRING) AS c6, CAST(c7 AS STRING) AS c7, CAST(c8 AS STRING) AS c8, c9 AS c9, c10 AS c10, c11 AS c11
FROM (SELECT `a_boolean` AS c0, CAST(`a_integer` AS BIGINT) AS c1, CAST(`a_double` AS DOUBLE) AS c2, CAST(`a_decimal` AS STRING) AS c3, CAST(`a_string` AS STRING) AS c4, `a_bytes` AS c5, UNIX_DATE(`a_date`) AS c6, UNIX_MICROS(`a_timestamp`) AS c7, UNIX_MICROS(CAST(`a_timestamp_ntz` AS TIMESTAMP)) AS c8, TO_JSON(`a_nested`, MAP('ignoreNullFields', 'false')) AS c9, TO_JSON(`a_variant`) AS c10, CAST(`a_interval` AS STRING) AS c11
FROM `main`.`shop's`.`or``ders` VERSION AS OF 12
WHERE `a_timestamp` > TIMESTAMP '2024-01-01 00:00:00.000001+00:00' AND `a_timestamp` <= TIMESTAMP '2024-01-02 00:00:00.000000+00:00') AS r
WHERE PMOD(XXHASH64(c0, c1, c2, c3, c4, c5, c6, c7, c8, c11), 4) = 1
