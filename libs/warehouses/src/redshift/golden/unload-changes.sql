UNLOAD ('SELECT _mp_change_type, _mp_row_hash, CASE WHEN OCTET_LENGTH(b0) = 0 OR LEFT(b0, 1) = ''~'' THEN ''~'' || b0 ELSE b0 END, c0, CASE WHEN OCTET_LENGTH(c1) = 0 OR LEFT(c1, 1) = ''~'' THEN ''~'' || c1 ELSE c1 END, c2 FROM "millrace"."run_01900000000070008000000000000001_0123456789abcdef" WHERE _mp_change_type <> ''t''')
TO 's3://bucket/millrace/run/0-0/part_'
IAM_ROLE default
DELIMITER '|' ESCAPE GZIP MANIFEST VERBOSE MAXFILESIZE 16 MB;
