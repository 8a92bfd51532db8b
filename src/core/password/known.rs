//! Words and sayings that stand at the top of every list of leaked passwords,
//! and those a guesser of this product would try first.
//! What must stay true: lower case, letters only, and none of them is a word of
//! generated passphrases.

/// The entries, with blanks between them.
pub const KNOWN: &str = "\
    password passwort passwords passphrase passcode passkey pass motdepasse contrasena senha \
    wachtwoord parola haslo salasana kennwort geheim secret secrets topsecret supersecret private \
    hidden unknown admin administrator adminadmin root toor superuser sysadmin operator manager \
    user username guest test tester testing testtest demo default changeme change changeit letmein \
    welcome welcomeback hello helloworld login logon signin access master mastermaster temp \
    temporary trustno trustme iloveyou iloveu love lovely loveme lovelove princess sunshine dragon \
    monkey football baseball basketball soccer hockey superman batman spiderman starwars pokemon \
    michael jordan jennifer jessica ashley charlie daniel thomas robert andrew matthew anthony \
    joshua nicole michelle george computer internet server database system windows microsoft google \
    facebook samsung iphone android linux ubuntu oracle cisco security secure cyber network company \
    office business corporate enterprise compliance evidence audit auditor hospital clinic patient \
    doctor nurse medical health healthcare countersign january february march april june july \
    august september october november december monday tuesday wednesday thursday friday saturday \
    sunday summer spring autumn winter birthday christmas holiday weekend qwerty qwertz azerty \
    qwertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qweasd asdf qwer abc abcd abcdef abcdefg \
    onetwothree correcthorsebatterystaple thequickbrownfox jumpsoverthelazydog thisisapassword \
    tobeornottobe maytheforcebewithyou nevergonnagiveyouup opensesame youshallnotpass hakunamatata \
    abracadabra supercalifragilistic winteriscoming liveandletdie loremipsum dolorsitamet \
    onceuponatime itwasthebestoftimes whatever nothing forever freedom liverpool arsenal chelsea \
    barcelona realmadrid juventus manchester london berlin paris newyork america england germany \
    babygirl butterfly cookie chocolate flower angel hannah maggie buster killer matrix phoenix \
    ninja mustang ferrari porsche mercedes harley cheese zaq letmeinplease blahblah foobar example \
    sample student teacher family friends friend mother father";
