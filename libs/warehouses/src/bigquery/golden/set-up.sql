CREATE SCHEMA `my-project-123`.`millrace`
OPTIONS (description = 'Millrace staging dataset', location = 'EU');

gcloud projects add-iam-policy-binding my-project-123 --member serviceAccount:millrace@my-project-123.iam.gserviceaccount.com --role roles/bigquery.jobUser;

GRANT `roles/bigquery.dataViewer`
ON SCHEMA `my-project-123`.`shop`
TO "serviceAccount:millrace@my-project-123.iam.gserviceaccount.com";

GRANT `roles/bigquery.dataOwner`
ON SCHEMA `my-project-123`.`millrace`
TO "serviceAccount:millrace@my-project-123.iam.gserviceaccount.com"
