-- One row per child or young person with a Requests record in the return.
select
    child.child_id as person_id,
    child.surname,
    child.forename,
    child.birth_date as person_birth_date,
    child.sex,
    child.ethnicity,
    child.postcode as post_code,
    child.upn,
    child.uln as unique_learner_number,
    -- as recorded; else the one reason that the records prove: under 6, so not expected to have a UPN yet
    case
        when coalesce(child.upn, child.uln) is not null then null
        when child.upn_unknown is not null then child.upn_unknown
        when datesub('year', child.birth_date, survey.reference_date) < 6 then 'UN1'
    end as upn_unknown,
    child.record_id,
    child.source_file,
    child.source_row
from {{ ref('dim_child') }} as child
cross join {{ source('landing', 'sen2_survey') }} as survey
where child.child_id in (select child_id from {{ ref('int_sen2_requests') }})
