-- One row per setting attended or named, with its place in DfE's words: the column of the caseload that counts it.
with kept as (
    select
        'attended' as basis,
        placement_id as setting_id,
        plan_id,
        child_id,
        ukprn,
        establishment_urn,
        sen_setting,
        setting_rank,
        is_sen_unit,
        is_resourced_provision,
        entry_date,
        leaving_date,
        residential,
        work_based_learning
    from core.fct_placement
    union all
    select
        'named' as basis,
        named_setting_id as setting_id,
        plan_id,
        child_id,
        ukprn,
        establishment_urn,
        sen_setting,
        setting_rank,
        is_sen_unit,
        is_resourced_provision,
        entry_date,
        leaving_date,
        residential,
        work_based_learning
    from core.fct_named_setting
),

-- the last day there that the tables can tell of, for whether the child was of compulsory school age
settings as (
    select
        kept.*,
        child.birth_date,
        establishment.establishment_type,
        establishment.establishment_type_group,
        establishment.is_special,
        least(survey.reference_date, kept.leaving_date) as last_day
    from kept
    cross join survey
    left join core.dim_child as child on kept.child_id = child.child_id
    -- left: many are educated elsewhere than in an establishment of the register
    left join core.dim_establishment as establishment on kept.establishment_urn = establishment.urn
),

-- Education Act 1996, s. 8: from the 31 March, 31 August or 31 December on or after the fifth birthday to the last
-- Friday in June of the school year in which the child turns 16
school_ages as (
    select
        *,
        case
            when strftime(birth_date, '%m%d') <= '0331' then make_date(year(birth_date) + 5, 3, 31)
            when strftime(birth_date, '%m%d') <= '0831' then make_date(year(birth_date) + 5, 8, 31)
            else make_date(year(birth_date) + 5, 12, 31)
        end as school_age_begins,
        make_date(year(birth_date) + if(month(birth_date) < 9, 16, 17), 6, 30) as last_of_june,
        last_of_june - ((isodow(last_of_june) + 2) % 7)::integer as school_age_ends
    from settings
),

placed as (
    select
        *,
        case
            when establishment_type = 'Special post 16 institution' then 'specialist_post_16_institutions'
            when establishment_type = 'Academy secure 16 to 19' then 'other_schools'
            when establishment_type_group = 'Colleges' or regexp_matches(establishment_type, '16(-| to )19')
                then 'general_fe_tertiary_colleges'
            when is_special and establishment_type ilike '%non-maintained%' then 'special_non_maintained'
            when is_special and establishment_type ilike '%independent%' then 'special_independent'
            when is_special and establishment_type_group in ('Academies', 'Free Schools') then 'special_academy_free'
            when is_special then 'special_la_maintained'
            when establishment_type = 'Pupil referral unit' then 'ap_pru_la_maintained'
            when establishment_type ilike '%alternative provision%' and establishment_type_group = 'Free Schools'
                then 'ap_pru_free_school'
            when establishment_type ilike '%alternative provision%' then 'ap_pru_academy'
            when establishment_type = 'Online provider' then 'online_provider'
            when establishment_type = 'Welsh establishment' then 'w_settings'
            when establishment_type_group = 'Local authority maintained schools' then 'mainstream_la_maintained'
            when establishment_type_group = 'Academies' then 'mainstream_academy'
            when establishment_type_group = 'Free Schools' then 'mainstream_free_school'
            when establishment_type_group = 'Independent schools' then 'mainstream_independent'
            when establishment_type is not null then 'other_schools'
            when sen_setting = 'EHE' then 'elective_home_education'
            when sen_setting = 'OLA' then 'other_arrangements_la'
            when sen_setting = 'OPA' then 'other_arrangements_parents'
            when sen_setting = 'EYP' then 'nm_early_years'
            when sen_setting = 'OTH' then 'other_placement_settings'
            when sen_setting = 'NEET' then 'neet'
            when sen_setting = 'NIEC' then 'neet_ntci'
            when sen_setting = 'NIEO' and last_day between school_age_begins and school_age_ends then 'neet_other_csa'
            when sen_setting = 'NIEO' then 'neet_other'
            when ukprn is not null then 'ukrlp_provider'
            else 'placement_unknown'
        end as kind
    from school_ages
)

select
    basis,
    setting_id,
    plan_id,
    setting_rank,
    entry_date,
    leaving_date,
    residential,
    work_based_learning,
    case
        when kind not in ('mainstream_la_maintained', 'mainstream_academy', 'mainstream_free_school') then kind
        when is_sen_unit then kind || '_senunit'
        when is_resourced_provision then kind || '_resourced_provision'
        else kind
    end as place
from placed
