//! Words that mean the same to an attack, in many languages: what the concepts of the score model are.
//!
//! A row is a concept: its name, and its words after folding (`fold`): lower case, no diacritics. `*` stands for
//! any ending. Words of scripts without spaces are found inside a text, others where a word begins.
//!
//! INVARIANT: a word is about meaning, not about guilt: innocent words stand here too. What a sequence of
//! concepts is worth is learnt.
//!
//! INVARIANT: no word stands here that is among the commonest of English and means something else there
//! (Turkish `her`, German `was`): it would be that concept in every other sentence.

/// Name and words of every concept.
pub(super) const CONCEPTS: [(&str, &str); 41] = [
    (
        "ignore",
        "ignor* disregard* forget forgets forgetting forgot neglect* overlook* omit omits skip bypass* overrid* \
         overrul* supersed* negat* nullif* void revok* discard* abandon* dismiss* suspend* circumvent* sidestep* \
         unlearn* undo overwrit* evad* vergiss vergesst vergessen missacht* uberspring* ubergeh* verwirf verwerfen \
         umgeh* ausser unbeachtet lass beiseite oubli* neglig* passe outre contourn* abandonn* fais abstraction olvid* \
         omit* descart* prescind* salta* pasa dimentic* trascur* scarta* tralasci* scorda* esquec* esquec desconsider* \
         contorn* negeer* vergeet* overschrijf zignoruj* zapomnij* pomin* odrzuc zapomen* nedbej* preskoc* pomij* \
         ignorera* glom bortse strunta yoksay* unut* gozard* dikkate abaikan* lupakan* hiraukan игнорир* проигнорир* \
         забудь* отброс* пренебреч* обойд* ігнору* проігнору* забуд* відкинь* нехту* знехтуй* تجاهل* انس تناس* أهمل \
         نادیده فراموش چشم‌پوشی अनदेखा भूल भुला नजरअंदाज उपेक्षा 忽略 无视 忘记 忘掉 忽視 無視 不要理会 不用管 抛开 跳过 忘れ 無効 무시 잊어 잊고 잊으",
    ),
    (
        "before",
        "previous* prior preceding above earlier before foregoing initial* original* former* existing past last already \
         received old vorherig* vorige* bisherig* obige* oben fruher* ursprunglich* zuvor bisher vorangegang* \
         precedent* anterieur* auparavant prealable* avant anterior* previ* inicial* arriba antes prima sopra iniziali \
         inizial* acima vorige voorgaande eerdere bovenstaande oorspronkelijk* eerder poprzedni* wczesniejsz* powyzsz* \
         dotychczasow* predchoz* drivejs* vyse puvodni tidigare foregaende ovanstaende onceki yukaridaki daha evvelki \
         sebelumnya sebelum diatas awal предыдущ* прежн* выше ранее прошл* предшеств* попередн* вище раніше колишн* \
         السابقة سابق* أعلاه قبلی بالا پیشین पिछले पिछली पहले ऊपर पूर्व 之前 先前 以前 上面 上述 前面 此前 以上 従来 これまで 先の 前の 이전 앞의 위의 \
         기존 앞서 trước truoc",
    ),
    (
        "instructions",
        "instruction* instruct* rule* guideline* directive* direction* prompt* order* polic* constraint* restriction* \
         limitation* protocol* programming regulation* safeguard* filter* guardrail* safety restraint* boundar* \
         command* mandate* anweisung* regel* richtlini* vorgabe* befehl* beschrankung* einschrankung* vorschrift* \
         anleitung* aufforderung* consigne* regle* contrainte* invite* instruccion* regla* directri* indicacion* orden* \
         restriccion* norma* istruzion* regol* direttiv* indicazion* vincol* restrizion* instruc* regra* diretri* \
         restric* orientac* instructie* regels richtlijn* beperking* opdracht* voorschrift* instrukcj* zasad* wytyczn* \
         regul* polece* ogranicze* instrukc* pravid* pokyn* omezen* instruktion* regler riktlinj* begransning* talimat* \
         kural* yonerge* sinirlama* komut* instruksi* aturan* perintah* pedoman* batasan* инструкц* правил* указан* \
         директив* ограничен* команд* інструкц* вказівк* обмежен* настанов* تعليمات* التعليمات قواعد القواعد أوامر \
         دستور* قوانین निर्देश* नियम* आदेश* 指令 指示 规则 規則 指南 限制 提示词 命令 ルール 制約 プロンプト 지시 규칙 명령 지침 제한 프롬프트 huong quy",
    ),
    (
        "system",
        "system* developer* admin* root sudo debug* maintenance hidden internal* confidential private* secret* \
         underlying backend initialization preamble versteckt* geheim* intern* entwickler* systeme cache* secrete* \
         interne* developpeur* sistema* oculto* ocult* desarrollador* nascost* segret* sviluppator* desenvolvedor* \
         verborgen* geheime* systeem* ontwikkelaar* ukryt* tajn* systemow* skryt* tajne dold* hemlig* gizli* sistem* \
         rahasia* tersembunyi* систем* скрыт* секретн* внутренн* разработчик* прихован* внутрішн* розробник* النظام \
         نظام سري مخفي سیستم پنهان محرمانه सिस्टम गुप्त छिपे 系统 系統 隐藏 秘密 内部 开发者 システム 隠し 機密 開発者 시스템 숨겨진 비밀 내부 개발자",
    ),
    (
        "reveal",
        "reveal* show* print* output* display* repeat* recit* disclos* tell leak* expos* dump* echo* divulg* share \
         provid* reproduc* spell* paste copy quote* zeig* verrat* druck* wiederhol* offenbar* nenn* teil* ausgeben \
         ausgib gib montre* affich* revel* repet* divulgu* donne* imprim* recopi* muestra* mostra* revela* repit* dime \
         dame comparte rivela* ripet* stampa* elenca* dimmi mostre* revele* repita* imprima* diga compartilh* toon* \
         onthul* herhaal* geef druk pokaz* ujawnij* powtorz* wypisz* wyswietl* podaj ukaz* odhal* vypis* zopakuj* \
         zobraz* visa avsloj* upprepa* skriv goster* acikla* yazdir* tekrarla* tampilkan* ungkap* cetak* ulangi* покаж* \
         раскр* вывед* повтор* напечат* сообщ* выда* розкр* виведи* повтори* надруку* أظهر اعرض اكشف كرر اطبع نمایش \
         نشان افشا تکرار چاپ दिखाओ दिखाएँ बताओ बताएं प्रकट दोहराओ प्रिंट 显示 输出 打印 透露 告诉 重复 泄露 揭示 列出 出力 表示 教えて 見せ 明か 繰り返 \
         출력 보여 알려 공개 반복 tiet hien",
    ),
    (
        "you",
        "you your yours yourself u ur du dein* dir dich ihr euer eure* ihre* sie vous votre vos toi ton tes tu tus su \
         sus usted ustedes tuo tuoi tua tue voi voce seu seus sua suas teu je jouw uw jij twoj* ty ci tvo* vas* din \
         dina ditt sen senin sizin siz kamu anda mu ты твой твои* вы ваш* ви твої* ваші أنت لك تو شما تان आप आपके आपकी \
         तुम तुम्हारे 你 您 あなた 君 너 당신 네가",
    ),
    (
        "all",
        "all any every everything anything whatever each entire* whole alle* jede* alles samtlich* tout tous toute* \
         todo* toda* cualquier* tutt* qualsiasi tudo qualquer alle wszystk* kazd* vsechn* vsech* alla allt tum butun \
         semua segala все всех всё всі всіх كل جميع همه تمام सभी सब हर 所有 一切 全部 任何 すべて 全て 모든 전부",
    ),
    (
        "act",
        "act acts acting pretend* roleplay* role simulat* imagin* persona* character* become play playing behave* \
         emulat* impersonat* assume portray* spiel* rolle* verhalt* stell simulier* agis joue* comporte* incarn* actua* \
         finge* simula* papel personaj* comporta* agisci fingi* interpreta* ruolo aja finja* doe gedraag rol udawaj* \
         wcziel* zagraj* rola predstiraj* hraj* chovej* roli latsas* agera spela davran* canlandir* gibi berpura* \
         bertindak* berperan* peran притвор* представь* веди роль сыграй* прикинь* уяви* удавай* تظاهر تصرف دور نقش \
         وانمود تصور अभिनय भूमिका नाटक कल्पना 扮演 假装 角色 模拟 想象 ふり 演じ 役 なりきっ 역할 척 연기 가장",
    ),
    (
        "unlimited",
        "unrestrict* unfilter* uncensor* unlimit* amoral* unethic* immoral* illegal* unbound* unhinged unshackl* jailb* \
         jailbroken freed free freedom liberat* untether* uneingeschrankt* unzensiert* ungefiltert* grenzenlos* \
         illimite* ilimitad* sin illimitat* ilegal* sem onbeperkt* ongefilterd* nieograniczon* bez neomezen* \
         obegransad* utan sinirsiz* sansursuz* tanpa неограничен* нефильтр* безцензур* необмежен* без بلا قيود نامحدود \
         بدون असीमित 不受限制 没有限制 无限制 自由 無制限 제한없 자유 무제한",
    ),
    (
        "now",
        "now henceforth onward* onwards hereafter instead new* next start starting jetzt ab nun fortan stattdessen \
         neue* maintenant desormais nouveau* nouvelle* plutot ahora adelante nuev* lugar adesso ora nuov* invece agora \
         nov* nu voortaan nieuwe teraz odtad now* nyni odted fran hadanefter artik simdi yeni sekarang mulai baru \
         теперь сейчас отныне новы* нова* тепер відтепер нов* الآن جديد* اکنون حالا جدید अब नए नया 现在 从现在 今后 接下来 新的 今から \
         これから 新しい 이제 지금 앞으로 새로운",
    ),
    (
        "secret_word",
        "password* passcode* passphrase* passwort* kennwort* credential* key keys token* pin login* motdepasse \
         contrasen* clave* senha* chave* wachtwoord* sleutel* hasl* klucz* heslo klic* losenord* parola* sifre* \
         anahtar* sandi kunci парол* ключ* كلمة مفتاح رمز پسورد कुंजी पासवर्ड 密码 密碼 口令 密钥 パスワード 鍵 비밀번호 암호 열쇠 mot \
         contrasena",
    ),
    (
        "model",
        "ai assistant* chatbot* bot bots model models gpt* chatgpt llm llms agent agents ki assistent* modell* ia \
         modele* asistent* modelo* asistente* assistente* modello* asystent* model* asistan* asisten* ии модел* \
         ассистент* бот шi асистент* مساعد نموذج دستیار مدل सहायक मॉडल 助手 模型 人工智能 机器人 アシスタント モデル 어시스턴트 모델 인공지능",
    ),
    (
        "not",
        "not no never dont don cannot cant won wont shouldn mustn without refuse* refusal* decline* apolog* sorry stop \
         stops nicht nie niemals kein* keine* ohne verweiger* pas ne jamais aucun* sans refus* nunca ningun* neg* non \
         mai nessun* senza rifiut* nao nenhum* recus* niet nooit geen zonder nigdy zadn* odmaw* nikdy inte aldrig ingen \
         hayir asla yok degil jangan tidak не нет никогда отказ* ні ніколи لا لن ليس نه هرگز नहीं मत कभी बिना 不 不要 别 没有 \
         拒绝 ない しない 禁止 断ら 아니 않 말고 마세요 거부",
    ),
    (
        "send",
        "send* forward* post posts upload* email* transmit* exfiltrat* submit* deliver* smuggl* encode* append* embed* \
         attach* senden sende* schick* weiterleit* envoie* envoy* transfer* transmet* envia* reenvia* sube manda* \
         invia* inoltra* encaminh* stuur* verzend* wyslij* przeslij* odesl* posli* skicka* gonder* ilet kirim* \
         teruskan* отправ* перешл* надісл* відправ* أرسل بفرست ارسال भेजो भेजें 发送 转发 上传 送信 送って 転送 보내 전송",
    ),
    (
        "link",
        "http https www url* link* webhook* endpoint* website* address* server* image* img markdown param* query \
         adresse* lien* enlace* indirizz* collegament* endereco* adres* odkaz* lank* baglanti* tautan* ссылк* посиланн* \
         رابط پیوند लिंक 链接 网址 图片 リンク 画像 링크 이미지",
    ),
    (
        "execute",
        "execut* run runs running call calls invok* install* delet* pay buy purchas* grant* approv* refund* modif* \
         updat* wire drop chmod curl bash shell exec eval fuhr* ausfuhr* losch* uberweis* kauf* genehmig* lance* \
         supprim* achet* vire approuv* ejecut* borr* elimin* compr* aprueb* esegu* cancell* acquist* apag* exclu* \
         aprov* voer* verwijder* koop wykonaj* usun* uruchom* kup zatwierdz* proved* spust* smaz* schval* kor* radera* \
         kop godkann* calistir* sil onayla* jalankan* hapus* setujui* beli выполн* запуст* удали* переведи* купи* \
         одобр* викон* видал* схвал* نفذ احذف شغل اجرا حذف चलाओ हटाओ निष्पादित 执行 运行 删除 批准 购买 安装 実行 削除 承認 실행 삭제 승인",
    ),
    (
        "answer",
        "answer* respond* repl* respons* say says speak* write* begin begins antwort* sag* schreib* repond* reponse* \
         dis ecri* respuest* di escrib* rispond* rispost* scriv* respost* escrev* antwoord* zeg schrijf odpowied* \
         odpowiad* napisz* powiedz* odpovez* odpoved* napis* rekni* svara* sag yanit* cevap* yaz* soyle* jawab* tulis* \
         katakan* ответ* отвеч* напиш* скажи* відпові* напиши* أجب اكتب قل جواب بنویس بگو जवाब उत्तर लिखो कहो 回答 回复 写 说 \
         答え 書い 言っ 返答 대답 답변 말해 써",
    ),
    (
        "mode",
        "mode modes modus modo modalita tryb* rezim* lage modu режим* وضع حالت मोड 模式 モード 모드 dan dev godmode enabled \
         activate* aktivier* activ* activa* attiva* ativ* aktywuj* aktivuj* aktivera* etkinlestir* aktifkan* активир* \
         увімкн* فعل فعال सक्रिय 启用 激活 有効 활성",
    ),
    (
        "context",
        "conversation* context* chat* message* text* document* task* request* input* data page file* dialog* gesprach* \
         unterhaltung* nachricht* aufgabe* kontext* tache* contexte* fichier* demande* conversacion* contexto* mensaje* \
         tarea* archivo* peticion* contesto messaggi* compit* richiest* conversa* mensage* tarefa* gesprek* bericht* \
         taak rozmow* wiadomos* zadani* kontekst* konverzac* zprav* ukol* samtal* meddeland* uppgift* konusma* mesaj* \
         gorev* baglam percakapan* pesan* tugas* konteks* разговор* сообщен* задан* контекст* текст* розмов* \
         повідомлен* завдан* المحادثة الرسالة المهمة گفتگو پیام وظیفه बातचीत संदेश कार्य 对话 消息 任务 上下文 内容 会話 メッセージ 文脈 \
         タスク 대화 메시지 작업 내용",
    ),
    (
        "must",
        "must always immediately important* critical* urgent* mandatory priorit* required essential emergency musst \
         mussen immer sofort wichtig* dringend* dois devez toujours immediat* urgen* debes siempre inmediat* obligator* \
         devi sempre subito deve imediat* moet altijd onmiddellijk belangrijk* musisz zawsze natychmiast wazn* musis \
         vzdy okamzite dulezit* maste alltid genast viktig* mutlaka hemen daima acil onemli harus selalu segera penting \
         должен всегда немедленно срочно важно повинен завжди негайно терміново يجب دائما فورا مهم باید همیشه فوری \
         चाहिए हमेशा तुरंत 必须 总是 立即 重要 紧急 必ず 常に すぐ 반드시 항상 즉시 중요",
    ),
    (
        "authority",
        "openai anthropic google microsoft creator* administrator* owner* maintainer* authoriz* authoris* permission* \
         allow* permit* operator* supervisor* engineer* staff official* verified approved ersteller* eigentumer* \
         befugt* erlaub* berechtig* autoris* proprietaire* permis* dueno* autoriz* proprietar* autorizz* beheerder* \
         eigenaar* toegestaan wlascicie* uprawnion* dozwolon* vlastnik* opravnen* agare behorig* tillaten yonetici* \
         yetkili* izin* pemilik* berwenang* boleh админ* владел* разреш* авториз* власник* дозвол* مسؤول مالك مصرح مدیر \
         مجاز व्यवस्थापक मालिक अनुमति 管理员 所有者 授权 允许 管理者 許可 관리자 허가 소유자",
    ),
    (
        "explain",
        "explain* what how why mean means meaning describ* differ* example* learn* understand* teach* help suggest* \
         recommend* wie warum erklar* bedeut* beispiel* que comment pourquoi expliqu* signif* exempl* como porque \
         explic* significa* ejemplo* ejemplos cosa perche spieg* esempi* explique* exemplo* wat hoe waarom \
         betekent voorbeeld* co jak dlaczego wyjasn* znaczy przyklad* proc vysvetl* znamena vad hur varfor forklar* \
         betyder exempel nasil neden ornek* apa bagaimana mengapa jelaskan* contoh* что как почему объясн* значит \
         пример* що як чому поясн* означа* приклад* ما كيف لماذا اشرح چه چگونه چرا توضیح क्या कैसे क्यों समझा 什么 怎么 如何 \
         为什么 解释 例子 何 どう なぜ 説明 例 무엇 어떻게 왜 설명 예시",
    ),
    (
        "about_attacks",
        "attack* inject* secur* vulnerab* detect* article* paper* research* phish* malware* threat* hacker* owasp \
         mitigat* defen* angriff* sicherheit* erkenn* attaque* securite* ataque* segurid* attacc* sicurezz* seguranc* \
         aanval* beveilig* atak* bezpieczen* utok* bezpecn* angrepp* sakerhet* saldiri* guvenlik* serangan* keamanan* \
         атак* безопасн* безпек* هجوم أمن حمله امنیت हमला सुरक्षा 攻击 安全 漏洞 攻撃 脆弱 공격 보안",
    ),
    (
        "me",
        "i im my mine me we our us ich mein* mir mich wir unser* mon ma mes moi nous notre yo mi mis nosotros nuestr* \
         io mio mia miei noi nostr* eu meu minha nos noss* ik mijn wij ons ja moj* mnie nasz* muj muj* nas* jag min \
         mina vi var ben benim biz bizim saya aku kami kita я мой мои мне мы наш* мій мої ми أنا نحن من मैं मेरा मेरी \
         हम 我 我们 私 僕 나 저 우리",
    ),
    (
        "follow",
        "follow* obey* compl* adher* listen* heed* abide* observ* respect* honor* folg* gehorch* befolg* beacht* halte* \
         suis suiv* obei* ecout* sigue* segui* obedec* cumpl* hazme obbed* rispett* ascolt* sig* cumpr* volg* \
         gehoorzaam* houd przestrzegaj* sluchaj* stosuj* dodrzuj* poslouchej* ridi folj* lyd* uy* itaat* ikuti* patuhi* \
         turuti* следу* слуша* подчин* соблюда* дотриму* слуха* підкор* اتبع أطع التزم پیروی اطاعت पालन मानो 遵守 服从 遵循 \
         听从 従っ 従う 守 따르 따라 복종 준수",
    ),
    (
        "end",
        "end ends ended finish* complet* over terminat* clos* delimiter* ende* beend* schluss fini* termin* acab* \
         fine finit* fim conclu* einde klaar koniec zakoncz* konec ukonc* slut* avsluta* bitti bitir* selesai* \
         akhir* конец законч* заверш* кінець انتهى نهاية پایان समाप्त अंत 结束 完毕 终了 終了 끝 종료",
    ),
    (
        "turn",
        "user assistant human inst sys endofprompt eot nutzer benutzer utilisateur usuario utente gebruiker uzytkownik* \
         uzivatel* anvandare kullanici pengguna пользовател* користувач* المستخدم کاربر उपयोगकर्ता 用户 ユーザー 사용자",
    ),
    (
        "print_exactly",
        "verbatim exactly literally only just simply wortlich* genau nur einfach exactement seulement juste simplement \
         literalmente exactamente solo solamente letteralmente esattamente soltanto apenas exatamente letterlijk \
         precies alleen doslown* dokladnie tylko doslovne presne jen ordagrant exakt bara aynen tam sadece persis hanya \
         дословно точно только просто дослівно тільки بالضبط فقط حرفيا دقیقا ठीक केवल सिर्फ 原样 逐字 只 仅 完整 そのまま 正確 だけ のみ \
         그대로 정확히 만 오직",
    ),
    (
        "bad_things",
        "weapon* bomb* drug* hack* crime* criminal* steal* kill* poison* fraud* explosive* meth malicious harmful* \
         dangerous racist* sexist* hate offensive insult* swear* profan* nsfw explicit sexual* violen* kriminell* \
         waffe* bombe* drogen hass arme* drogue* haine arma* droga* odio bomba* armi bron* narkoty* nienawis* zbran* \
         drog* vapen* silah* uyusturucu senjata* narkoba оруж* бомб* наркот* ненавис* зброя зброю سلاح قنبلة بمب हथियार \
         बम 武器 炸弹 毒品 仇恨 爆弾 麻薬 무기 폭탄 마약",
    ),
    (
        "fiction",
        "story* stories novel* fiction* hypothetic* scenario* game movie* film* script* scene* poem* grandma* \
         grandmother* dream* universe world geschichte* roman* fiktiv* hypothetisch* spiel szenario* histoire* \
         hypothes* jeu historia* ficcion* novela* hipotet* juego escena* storia* romanzo* ipotet* gioco scena* ficc* \
         romance* jogo cena* verhaal* spel opowiesc* opowiadan* gra pribeh* hra hypotetic* beratt* hikaye* oyun* kurgu* \
         cerita* permainan* fiksi рассказ* истори* игра* гипотет* вымышл* сценари* оповід* історі* гра вигада* قصة لعبة \
         خيال داستان بازی فرضی कहानी खेल काल्पनिक 故事 小说 游戏 假设 虚构 物語 小説 ゲーム 仮想 仮定 이야기 소설 게임 가상 가정",
    ),
    (
        "no_longer",
        "longer anymore exempt* exception* regardless despite although unless however but except bound mehr trotz \
         trotzdem sondern aber mais malgre plus sauf pero pese aunque salvo nonostante tranne mas apesar maar ondanks \
         tenzij ale mimo pomimo navzdory trots ama ragmen tapi meskipun но несмотря однако але незважаючи لكن رغم \
         اما با وجود लेकिन बावजूद 但 但是 不再 尽管 しかし もはや ではなく 하지만 더이상 그러나",
    ),
    (
        "memory",
        "remember* memor* store* save* persist* note* keep merk* speicher* erinner* souvien* memoris* enregistr* \
         recuerd* guard* memoriz* ricord* salva* memorizz* lembr* onthoud* bewaar* zapamietaj* zapisz* zapamatuj* uloz* \
         minns spara* hatirla* kaydet* ingat* simpan* запомн* сохран* запам* збереж* تذكر احفظ ذخیره याद सहेज 记住 记忆 保存 \
         覚え 記憶 기억 저장",
    ),
    (
        "test",
        "test* check* audit* verif* diagnos* calibrat* evaluat* prufung* pruf* prueba* prueb* controll* verifica* \
         teste* controle* sprawdz* weryfik* overen* kontrol* uji* тест* провер* перевір* اختبار تحقق آزمایش بررسی \
         परीक्षण जांच 测试 检查 审计 测验 テスト 確認 検証 테스트 확인 점검",
    ),
    (
        "translate",
        "translat* summar* rewrit* rephras* paraphras* decod* convert* encrypt* base64 rot13 morse uberset* fasse \
         zusammenfass* umformulier* tradui* resum* reformul* traduc* reescrib* tradu* riassum* riscriv* traduz* \
         reescrev* vertaal* samenvat* herschrijf* przetlumacz* stresc* preloz* shrn* oversatt* sammanfatt* cevir* \
         ozetle* terjemah* ringkas* перевед* перескаж* переклад* переказ* ترجم لخص ترجمه خلاصه अनुवाद सारांश 翻译 总结 改写 \
         解码 翻訳 要約 書き換え 번역 요약",
    ),
    (
        "profanity",
        "fuck* fuk* fck* shit* bullshit* crap crappy damn* goddamn* ass asses asshole* arse* bastard* bitch* cunt* dick \
         dicks dickhead* cock cocks cocksuck* prick* piss* wank* twat* motherfuck* mf wtf stfu fag* hell bloody bugger* \
         scheiss* scheis* arschloch* arsch* fick* verdammt* wichser* hurensohn* mist merde* putain* pute* connard* \
         connasse* encul* foutre salope* salaud* mierda* puta* puto* joder* cono gilipollas cabron* pendejo* chinga* \
         verga* cazzo* merda* stronz* vaffancul* puttan* troia coglion* caralho* porra* foda* buceta kut klootzak* \
         godverdomme hoer* kanker* kurwa* chuj* pierdol* jeban* skurwysyn* kurva* hovno* picus kokot* fan javla* jävla \
         helvete fitta siktir* orospu* amk piç göt anjing* bangsat* kontol* memek* бля* сук* хуй* хуе* пизд* еба* ёб* \
         мудак* гандон* говно* дерьм* 傻逼 操你 妈的 他妈 草泥马 滚 垃圾 贱 婊子 くそ 死ね ばか 馬鹿 クソ 씨발 개새끼 병신 존나 كس خرا شرموط* چاکش گاییدم \
         मादरचोद भोसड़ी चूतिया बहनचोद",
    ),
    (
        "insult",
        "idiot* stupid* moron* dumb* fool* loser* pathetic ugly fat trash garbage scum* worthless useless clown* \
         ignorant coward* liar* lazy disgust* creep* pig pigs jerk* retard* imbecile* dimwit* brainless lame sucks suck \
         freak* psycho* lunatic* delusional hypocrit* dumm* blod* trottel* depp* versager* hasslich* abschaum* debile* \
         cretin* nul laid* bete* idiota* estupid* imbecil* tonto* feo asco* basura* inutil* scemo* brutto schifo* \
         burro* feio lixo* nojent* dom domme sukkel* lelijk* debil* glup* kretyn* brzydk* smiec* blbec* hloupy* dum \
         korkad* aq aptal* salak* gerizekali* bodoh* tolol* goblok* идиот* дура* дурак* туп* урод* ничтожеств* дебил* \
         ідіот* дурень* тупи* أحمق* غبي* احمق ابله बेवकूफ मूर्ख 白痴 蠢 笨 弱智 脑残 恶心 丑 废物 バカ アホ ブス キモ 바보 멍청 찌질 한심",
    ),
    (
        "hate",
        "hate* hating despis* loath* detest* inferior subhuman* vermin cockroach* parasit* infest* filthy dirty savage* \
         primitive uncivil* animals apes monkey* rats breed* invad* invasion deport* exterminat* eradicat* eliminat* \
         genocid* gas gassed lynch* ban cleans* plague disease cancer hass* minderwertig* untermensch* ungeziefer* \
         dreckig* abschieb* deteste* vermine sales inferieur* odio* odiamos inferior* sucio* escoria plaga odia* \
         sporc* feccia odeio nojo sujo praga haat* ongedierte nienawi* robactw* brudn* nenavi* spinav* hata* avskum \
         nefret* pis benci* kotor ненави* грязн* тварь* мраз* ненавид* бруд* أكره قذر حثالة متنفر کثیف नफरत गंदे घृणा \
         讨厌 低等 劣等 滚出 憎い 汚い 혐오 열등 더러운",
    ),
    (
        "threat",
        "murder* die dies dead death shoot* stab* hang* burn* beat* punch* hurt* rape* raping slaughter* destroy* \
         choke* strangl* behead* suicide kys smash* break umbring* tot* sterb* abstech* verbrenn* schlag* tue* tuer* \
         mourir creve* mort egorg* brul* frapper mata* muere* muert* quema* golpe* uccid* morte muori brucia* ammazz* \
         morr* queim* dood* sterf* vermoord* verbrand* zabij* zabic umrzyj smierc spal* zabi* zemri smrt doda* dö mord* \
         brinn* oldur* geber ol bunuh* mati bakar убить* убью* сдох* умри* смерт* сжечь* вбит* здохни* помри* اقتل* موت \
         احرق بکش مرگ मार मौत जला 杀 死 打死 去死 烧 殺 燃や 죽여 죽어 죽인 불태",
    ),
    (
        "sexual",
        "sex sexy porn* nude* naked whore* hoes tits titties boobs pussy pussies vagina penis horny blowjob* anal cum \
         cumming orgasm* masturbat* thot* hooker* prostitut* nutte* schlampe* titten ficken nackt* sexe nue nichon* \
         bite desnud* teta* polla* verga follar* sesso nud* tette scopa* nua nuas peitos transar naakt* tieten seks* \
         nag* cyck* nahy* prsa naken* brost ciplak meme telanjang payudara секс* голы* шлюх* проститут* сиськ* голий \
         سكس عاري لخت सेक्स नंगी 性 裸 奶子 妓女 セックス おっぱい 섹스 알몸 창녀",
    ),
    (
        "slur",
        "nigg* nigga* negro* chink* gook* spic spics kike* wetback* towelhead* raghead* paki pakis coon coons faggot* \
         dyke* tranny trannies tranni* beaner* gypsy gypp* redneck* cracker* whitey* zipperhead* sandnigg* muzzie* \
         muzrat* jap japs kanake* neger* schwuchtel* zigeuner* bougnoul* negre* pede* tapette* youpin* maricon* sudaca* \
         moro moros frocio* terron* viado* bicha* sapatao flikker* nikker* pedal* czarnuch* ciot* zyd* buzna* cikan* \
         negr* bogjavel* blatte* ibne* cina babi черножоп* жид* пидор* чурк* хач* хохол* москал* підар* 黑鬼 尼哥 蝗虫 田园女权 \
         女权癌 直男癌 基佬 娘炮 支那 棒子 阿三 台巴子 河南人 东北人 外地人 ニガー チョン 쪽바리 짱깨 흑형",
    ),
    (
        "people",
        "muslim* islam* jew jews jewish christian* hindu* buddhist* atheist* black blacks white whites asian* african* \
         arab* mexican* latino* hispanic* indian* chinese russian* immigrant* migrant* refugee* foreigner* gay gays \
         lesbian* queer* homosexual* bisexual* trans transgender women woman girl girls disabled blind deaf autis* \
         elderly young poor american* european* deutsche* juden jude moslem* auslander* fluchtling* schwul* lesb* \
         frauen frau behindert* schwarz* juif* juives musulman* noir* femme* immigre* refugie* etranger* handicap* \
         arabe* judi* mujer* inmigrant* extranjer* discapacit* ebre* ner* donne donna immigrat* stranier* disabil* \
         judeu* muculman* mulher* imigrant* estrangeir* deficient* joden jood* moslim* zwart* vrouw* buitenlander* homo \
         muzulman* kobiet* uchodzc* gej* zid* zen* cizin* uprchlik* judar* kvinn* invandrar* flykting* yahudi* \
         musluman* kadin* gocmen* siyah* perempuan wanita imigran евре* мусульман* женщин* мигрант* гей* чёрн* черн* \
         инвалид* жінк* мігрант* يهود* مسلم* نساء مهاجر* سود یهود* زنان मुस्लिम यहूदी महिला औरत दलित 黑人 白人 女人 女性 男人 穆斯林 \
         犹太 同性恋 残疾 外国人 印度人 日本人 韩国人 黒人 女 障害 同性愛 흑인 여자 외국인 장애인 동성애 무슬림",
    ),
];
