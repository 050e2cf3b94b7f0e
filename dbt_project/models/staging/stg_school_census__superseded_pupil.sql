-- One row per pupil's record that does not stand, since its census, school and pupil came again.
{{ config(materialized='table') }}

{{ superseded_records(source('landing', 'school_census__pupil'), ['census_date', 'laestab', 'upn']) }}
